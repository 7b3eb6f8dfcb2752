using Covol.Simulation;

// worker FIRST STEP COUNT RULES: one process of a run; else what docs/internals/simulation.md describes.
return args is ["worker", ..] ? Worker.Run(args[1..]) : Simulate.Run(args);
