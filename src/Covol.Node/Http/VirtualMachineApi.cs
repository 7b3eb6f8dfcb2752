using System.Text.Json;
using Covol.Api;
using Covol.Node.VirtualMachines;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Covol.Node.Http;

/// <summary>Routes for virtual machines, and the destination's end of a migration for peers.</summary>
internal static class VirtualMachineApi
{
    public static void Map(IEndpointRouteBuilder routes, VirtualMachineRoles roles)
    {
        routes.MapGet("/v1/vms", () => roles.List());
        routes.MapGet("/v1/vms/{name}", (string name, CancellationToken cancellation) => roles.GetAsync(name, cancellation));
        routes.MapPost("/v1/vms", async (HttpContext context, CancellationToken cancellation) => await roles.CreateAsync(
            await RequestBody.ReadAsync(context, ApiJson.Default.VirtualMachineDefinition).ConfigureAwait(false), cancellation)
            .ConfigureAwait(false));
        routes.MapDelete("/v1/vms/{name}", (string name, CancellationToken cancellation) => roles.RemoveAsync(name, cancellation));
        routes.MapPost("/v1/vms/{name}/start", async (string name, HttpContext context, CancellationToken cancellation) =>
        {
            var order = await RequestBody.ReadAsync(context, ApiJson.Default.StartOn).ConfigureAwait(false);
            return await roles.StartAsync(name, order.Node is { } node ? NodeApi.ParseNode(node) : null, cancellation).ConfigureAwait(false);
        });
        routes.MapPost(
            "/v1/vms/{name}/stop",
            (string name, bool? force, CancellationToken cancellation) => roles.StopAsync(name, force ?? false, cancellation));
        routes.MapPost("/v1/vms/{name}/migrate", async (string name, HttpContext context) =>
        {
            var order = await RequestBody.ReadAsync(context, ApiJson.Default.MoveTo).ConfigureAwait(false);
            return await roles.MigrateAsync(name, NodeApi.ParseNode(order.Node), CancellationToken.None).ConfigureAwait(false);
        });

        routes.MapPost("/v1/peer/vms/{name}/incoming", async (string name) => Results.Json(
            new IncomingAddress(await roles.PrepareIncomingAsync(name).ConfigureAwait(false)), MigrationJson.Default.IncomingAddress));
        routes.MapGet("/v1/peer/vms/{name}/incoming/reports", (string name, HttpContext context) => ReportAsync(roles, name, context));
        routes.MapGet(
            "/v1/peer/vms/{name}/incoming/first-output",
            async (string name, long milliseconds, HttpContext context) =>
            {
                var at = await roles.Incoming(name).FirstOutputAsync(TimeSpan.FromMilliseconds(milliseconds), context.RequestAborted)
                    .ConfigureAwait(false);
                return Results.Json(new FirstOutput(at), MigrationJson.Default.FirstOutput);
            });
        routes.MapDelete("/v1/peer/vms/{name}/incoming", (string name) =>
            roles.Incoming(name).KillAsync(CancellationToken.None));
    }

    private static async Task ReportAsync(VirtualMachineRoles roles, string name, HttpContext context)
    {
        context.Response.ContentType = "application/x-ndjson";
        await context.Response.StartAsync(context.RequestAborted).ConfigureAwait(false);
        await foreach (var report in roles.Incoming(name).ReportsAsync(context.RequestAborted).ConfigureAwait(false))
        {
            await context.Response.WriteAsync(
                JsonSerializer.Serialize(report, MigrationJson.Default.MigrationReport) + "\n", context.RequestAborted).ConfigureAwait(false);
            await context.Response.Body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
        }
    }
}
