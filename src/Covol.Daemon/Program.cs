Console.Error.WriteLine("usage: covold mount|coordinator|hold|node …");
return 2;
