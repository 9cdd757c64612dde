// An Event Hub-compatible endpoint on Microsoft.Azure.Amqp, Microsoft's own AMQP 1.0 implementation. The feed's tests
// run against it, so that a reader that we wrote is not tested against a server that we wrote alone.
//
// Usage: amqpOracle '<options as JSON>'. It prints {"ready": <port>}, then reads a command from each line of standard
// input and prints {"result": …} or {"error": "…"}. The end of standard input ends the process.
using System.Text.Json;
using Hubfront.AmqpOracle;

var options = JsonSerializer.Deserialize<Options>(args.Length > 0 ? args[0] : "{}", Json.Options)!;
var service = new Service(options);
Console.WriteLine(Json.Line(new { ready = service.Open() }));
var commands = new Commands(service);
while (Console.ReadLine() is { } line)
{
    try { Console.WriteLine(Json.Line(new { result = commands.Run(line) })); }
    catch (Exception error) { Console.WriteLine(Json.Line(new { error = error.Message })); }
}
service.Close();

namespace Hubfront.AmqpOracle
{
    /// <param name="Policies">Keys of shared access policies that may read, by name.</param>
    /// <param name="IdleTimeoutMs">The idle timeout that the oracle announces.</param>
    /// <param name="SettleOnSend">Event Hubs sends messages settled. Otherwise the reader settles them.</param>
    /// <param name="PemFile">Certificate and key: the endpoint uses TLS.</param>
    public sealed record Options(
        string Hub = "hubfront", string[]? Groups = null, int Partitions = 4, int Port = 0, Dictionary<string, string>? Policies = null,
        uint IdleTimeoutMs = 240_000, bool SettleOnSend = true, string? PemFile = null);

    public static class Json
    {
        public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);
        public static string Line(object value) => JsonSerializer.Serialize(value, Options);
    }
}
