using Covol.Api;
using Covol.Api.Contracts;
using Covol.Cluster.Store;
using Covol.Node.Volumes;
using Covol.Protocol.Ids;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Covol.Node.Http;

/// <summary>The routes of the HTTP API, the same for administrators (Unix socket) and peers (mutual TLS). See docs/api.md.</summary>
internal static class NodeApi
{
    /// <summary>Turns every failure into one sentence.</summary>
    public static void UseSentences(IApplicationBuilder app) => app.UseExceptionHandler(handler => handler.Run(async context =>
    {
        var failure = context.Features.Get<IExceptionHandlerFeature>()?.Error;
        var (status, sentence) = failure switch
        {
            NodeException refused => (StatusCodes.Status409Conflict, refused.Message),
            NodeApiException peer => (StatusCodes.Status502BadGateway, peer.Message),
            StoreUnavailableException store => (StatusCodes.Status503ServiceUnavailable, $"The cluster store does not answer: {store.Message}"),
            StoreRefusedException store => (StatusCodes.Status503ServiceUnavailable, $"The cluster store refused: {store.Message}"),
            BadHttpRequestException bad => (bad.StatusCode, bad.Message),
            _ => (StatusCodes.Status500InternalServerError, $"The node failed: {failure?.Message} Its log says more."),
        };
        context.Response.StatusCode = status;
        await context.Response.WriteAsJsonAsync(new ErrorView(sentence), ApiJson.Default.ErrorView, cancellationToken: context.RequestAborted)
            .ConfigureAwait(false);
    }));

    /// <summary>Gives the refusals of the framework (no such route, wrong method) their sentence too.</summary>
    public static void UseSentencesForStatus(IApplicationBuilder app) => app.UseStatusCodePages(async status =>
    {
        var context = status.HttpContext;
        await context.Response.WriteAsJsonAsync(
            new ErrorView(
                $"The node does not know the request {context.Request.Method} {context.Request.Path}: docs/api.md lists those it knows."),
            ApiJson.Default.ErrorView,
            cancellationToken: context.RequestAborted).ConfigureAwait(false);
    });

    public static void MapCluster(IEndpointRouteBuilder routes, ClusterQueries queries, Action stop)
    {
        routes.MapGet("/v1/node", () => queries.Node());
        routes.MapPost("/v1/node/stop", () =>
        {
            stop();
            return Results.Accepted();
        });
        routes.MapGet("/v1/cluster", (CancellationToken cancellation) => queries.ClusterAsync(cancellation));
        routes.MapGet("/v1/volumes", () => queries.Volumes());
        routes.MapGet("/v1/volume-states", (CancellationToken cancellation) => queries.StatesAsync(cancellation));
        routes.MapGet("/v1/local/volume-states", (CancellationToken cancellation) => queries.LocalStatesAsync(cancellation));
    }

    public static void MapVolumes(IEndpointRouteBuilder routes, VolumeOrders orders)
    {
        routes.MapPost("/v1/volumes", async (HttpContext context, CancellationToken cancellation) => await orders.AddAsync(
            await RequestBody.ReadAsync(context, ApiJson.Default.AddVolume).ConfigureAwait(false), cancellation).ConfigureAwait(false));
        routes.MapPost("/v1/volumes/{name}/move", async (string name, HttpContext context, CancellationToken cancellation) =>
        {
            var order = await RequestBody.ReadAsync(context, ApiJson.Default.MoveTo).ConfigureAwait(false);
            return await orders.MoveAsync(name, ParseNode(order.Node), cancellation).ConfigureAwait(false);
        });
        routes.MapDelete(
            "/v1/volumes/{name}",
            (string name, bool? force, CancellationToken cancellation) =>
                orders.RemoveAsync(name, force ?? false, cancellation));
        routes.MapPost("/v1/volumes/{name}/check", (string name, CancellationToken cancellation) => orders.CheckAsync(name, cancellation));
        routes.MapPost(
            "/v1/local/volumes/{name}/check", (string name, CancellationToken cancellation) => orders.CheckHereAsync(name, cancellation));
        routes.MapPost(
            "/v1/local/volumes/{name}/detach",
            (string name, bool? force, CancellationToken cancellation) => orders.DetachHereAsync(name, force ?? false, cancellation));
        routes.MapPost("/v1/local/volumes/{name}/attach", (string name) => orders.AttachHere(name));
        routes.MapGet(
            "/v1/local/volumes/{name}/open-files",
            (string name, CancellationToken cancellation) => orders.OpenFilesHereAsync(name, cancellation));
    }

    /// <summary>A node as people write it: <c>node2</c> or <c>2</c>.</summary>
    public static NodeId ParseNode(string text)
    {
        var digits = text.StartsWith("node", StringComparison.Ordinal) ? text["node".Length..] : text;
        return int.TryParse(digits, System.Globalization.CultureInfo.InvariantCulture, out var number) && number > 0
            ? new NodeId(number)
            : throw new NodeException($"'{text}' is not a node; nodes are called node1, node2 and so on.");
    }
}
