Console.Error.WriteLine("usage: covol <command>");
return 2;
