using Covol.Simulation;

// worker: one process of a run; else what docs/internals/simulation.md describes.
return args is ["worker"] ? Worker.Run() : Simulate.Run(args);
