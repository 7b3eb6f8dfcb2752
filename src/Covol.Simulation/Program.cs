using System.Globalization;
using Covol.Simulation;
using Covol.Simulation.Parts;

var first = int.Parse(args[0], CultureInfo.InvariantCulture);
var count = int.Parse(args[1], CultureInfo.InvariantCulture);
for (var seed = first; seed < first + count; seed++)
{
    var result = SeedRun.Run(seed, Rules.All, count == 1 ? Console.WriteLine : null);
    Console.WriteLine($"{result.Seed} {result.TraceHash:x16} {result.Events} {result.Seconds:0.0} {result.Broken}");
}
