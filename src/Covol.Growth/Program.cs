using Covol.Growth;

return await GrowthProgram.RunAsync(args);
