// Microsoft's Event Hubs client for .NET, driven by a test: reads one request a line, a JSON object, from standard
// input and writes one result a line to standard output. Its end ends the process.
using System.Text.Json;
using System.Text.Json.Nodes;
using Azure.Messaging.EventHubs;
using Azure.Messaging.EventHubs.Consumer;

for (string? line; (line = Console.ReadLine()) != null;)
{
    JsonNode? result;
    try
    {
        result = await new Scenario(JsonNode.Parse(line)!.AsObject()).Run();
    }
    catch (Exception error)
    {
        result = Errors.Describe(error);
    }
    Console.WriteLine(result?.ToJsonString() ?? "null");
}

/// <summary>An error as a test compares it: its type, the service's reason, and its text.</summary>
static class Errors
{
    public static JsonObject Describe(Exception error) => new()
    {
        ["error"] = error.GetType().Name,
        ["reason"] = (error as EventHubsException)?.Reason.ToString(),
        ["message"] = error.InnerException is { } inner ? $"{error.Message} ({inner.Message})" : error.Message,
    };
}
