using System.Net;
using System.Text.Json.Nodes;
using Azure;
using Azure.Core;
using Azure.Messaging.EventHubs;
using Azure.Messaging.EventHubs.Consumer;
using Azure.Messaging.EventHubs.Primitives;
using Azure.Messaging.EventHubs.Producer;

/// <summary>One request: `action` names a method, `connection` is a connection string.</summary>
sealed class Scenario(JsonObject request)
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    internal string Text(string name, string otherwise = "") => (string?)request[name] ?? otherwise;
    internal int Number(string name) => (int?)request[name] ?? 0;

    public async Task<JsonNode?> Run() => Text("action") switch
    {
        "properties" => await Properties(),
        "read all" => await ReadAll(),
        "read" => await Read(),
        "epochs" => await Epochs(),
        "send" => await Send(),
        "send batch" => await SendBatch(),
        "credential" => await Credential(),
        "quota" => await Quota(),
        "batches" => await Batches(),
        "processors" => await Processors.Run(this),
        var unknown => throw new ArgumentException($"unknown action {unknown}"),
    };

    internal EventHubConnectionOptions ConnectionOptions()
    {
        var options = new EventHubConnectionOptions();
        if (Text("transport") == "websockets") options.TransportType = EventHubsTransportType.AmqpWebSockets;
        if (Text("proxy") is { Length: > 0 } proxy) options.Proxy = new WebProxy(proxy);
        if (Text("endpoint") is { Length: > 0 } endpoint) options.CustomEndpointAddress = new Uri(endpoint);
        return options;
    }

    /// <summary>
    /// Tries as often as the test says: a refusal is then seen at once. After a TCP reset the client waits for the end of
    /// a try until it connects again, also with Microsoft's own server.
    /// </summary>
    internal EventHubsRetryOptions Retries() => new()
    {
        MaximumRetries = Number("retries"),
        TryTimeout = TimeSpan.FromSeconds(2),
        Delay = TimeSpan.FromMilliseconds(50),
    };

    EventHubConsumerClient Consumer() => new(Text("group", "$Default"), Text("connection"), new EventHubConsumerClientOptions
    {
        ConnectionOptions = ConnectionOptions(),
        RetryOptions = Retries(),
    });

    /// <summary>All partitions at the same time, on one link.</summary>
    async Task<JsonNode> Properties()
    {
        await using var consumer = Consumer();
        var hub = await consumer.GetEventHubPropertiesAsync();
        var partitions = await Task.WhenAll(hub.PartitionIds.Select(id => consumer.GetPartitionPropertiesAsync(id)));
        return new JsonObject
        {
            ["name"] = hub.Name,
            ["partitions"] = new JsonArray([.. partitions.Select(one => new JsonObject
            {
                ["id"] = one.Id,
                ["first"] = one.BeginningSequenceNumber,
                ["last"] = one.LastEnqueuedSequenceNumber,
                ["lastOffset"] = one.LastEnqueuedOffsetString,
                ["isEmpty"] = one.IsEmpty,
            })]),
        };
    }

    async Task<JsonNode> ReadAll()
    {
        await using var consumer = Consumer();
        return await Take(consumer.ReadEventsAsync(Options(), Cancelled()));
    }

    async Task<JsonNode> Read()
    {
        await using var consumer = Consumer();
        return await Take(consumer.ReadEventsFromPartitionAsync(Text("partition", "0"), Position(), Options(), Cancelled()));
    }

    static ReadEventOptions Options() => new() { TrackLastEnqueuedEventProperties = true };

    static CancellationToken Cancelled() => new CancellationTokenSource(Patience).Token;

    EventPosition Position()
    {
        var inclusive = (bool?)request["inclusive"] ?? false;
        if (request["sequenceNumber"] is { } number) return EventPosition.FromSequenceNumber((long)number, inclusive);
        if (request["offset"] is { } offset) return EventPosition.FromOffset((string)offset!, inclusive);
        if (request["time"] is { } time) return EventPosition.FromEnqueuedTime(DateTimeOffset.Parse((string)time!));
        return Text("position") == "latest" ? EventPosition.Latest : EventPosition.Earliest;
    }

    async Task<JsonNode> Take(IAsyncEnumerable<PartitionEvent> events)
    {
        var taken = new JsonArray();
        await foreach (var one in events)
        {
            taken.Add(Describe(one));
            if (taken.Count >= Number("count")) break;
        }
        return taken;
    }

    static JsonObject Describe(PartitionEvent one) => new()
    {
        ["partition"] = one.Partition.PartitionId,
        ["sequenceNumber"] = one.Data.SequenceNumber,
        ["offset"] = one.Data.OffsetString,
        ["enqueued"] = one.Data.EnqueuedTime.ToString("O"),
        ["body"] = one.Data.EventBody.ToString(),
        ["contentType"] = one.Data.ContentType,
        ["device"] = one.Data.SystemProperties.TryGetValue("iothub-connection-device-id", out var device) ? $"{device}" : null,
        ["lastInPartition"] = one.Partition.ReadLastEnqueuedEventProperties().SequenceNumber,
    };

    /// <summary>Readers with an owner level displace those with a lower one, and those without.</summary>
    async Task<JsonNode> Epochs()
    {
        await using var first = Receiver(1);
        await first.ReceiveBatchAsync(1, Patience);
        await using var second = Receiver(2);
        var read = (await second.ReceiveBatchAsync(1, Patience)).Count();
        return new JsonObject
        {
            ["read by the higher"] = read,
            ["the lower, once displaced"] = await ErrorOf(() => Until(first)),
            ["a new lower"] = await ErrorOf(() => Receiver(1).ReceiveBatchAsync(1, Patience)),
            ["one without"] = await ErrorOf(() => Receiver(null).ReceiveBatchAsync(1, Patience)),
        };
    }

    PartitionReceiver Receiver(long? ownerLevel) => new(
        Text("group", "$Default"), Text("partition", "0"), EventPosition.Earliest, Text("connection"),
        new PartitionReceiverOptions { ConnectionOptions = ConnectionOptions(), RetryOptions = Retries(), OwnerLevel = ownerLevel });

    /// <summary>The client has read ahead; the detach shows once that is used up.</summary>
    static async Task Until(PartitionReceiver receiver)
    {
        while (true) await receiver.ReceiveBatchAsync(100, Patience);
    }

    static async Task<JsonNode?> ErrorOf(Func<Task> work)
    {
        try
        {
            await work();
            return null;
        }
        catch (Exception error)
        {
            return Errors.Describe(error);
        }
    }

    EventHubProducerClient Producer() => new(Text("connection"), new EventHubProducerClientOptions
    {
        ConnectionOptions = ConnectionOptions(),
        RetryOptions = Retries(),
    });

    async Task<JsonNode?> Send()
    {
        await using var producer = Producer();
        await producer.SendAsync([new EventData("x")]);
        return null;
    }

    async Task<JsonNode?> SendBatch()
    {
        await using var producer = Producer();
        using var batch = await producer.CreateBatchAsync();
        batch.TryAdd(new EventData("x"));
        await producer.SendAsync(batch);
        return null;
    }

    /// <summary>The name of the hub, by the credential that `kind` names.</summary>
    async Task<JsonNode?> Credential()
    {
        var options = new EventHubConsumerClientOptions { ConnectionOptions = ConnectionOptions(), RetryOptions = Retries() };
        var (host, hub, policy, key) = (Text("host"), "hubfront", "service", Text("key"));
        await using var consumer = Text("kind") switch
        {
            "named key" => new EventHubConsumerClient("$Default", host, hub, new AzureNamedKeyCredential(policy, key), options),
            "signature" => new EventHubConsumerClient("$Default", host, hub, new AzureSasCredential(Text("signature")), options),
            _ => new EventHubConsumerClient("$Default", host, hub, new EntraToken(), options),
        };
        return (await consumer.GetEventHubPropertiesAsync()).Name;
    }

    sealed class EntraToken : TokenCredential
    {
        static readonly AccessToken Token = new("eyJhbGciOiJub25lIn0.e30.x", DateTimeOffset.UtcNow.AddHours(1));
        public override AccessToken GetToken(TokenRequestContext context, CancellationToken cancelled) => Token;
        public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext context, CancellationToken cancelled) => new(Token);
    }

    /// <summary>What readers of one partition meet, one after the other.</summary>
    async Task<JsonNode?> Quota()
    {
        var receivers = Enumerable.Range(0, Number("count")).Select(_ => Receiver(null)).ToList();
        var met = new JsonArray();
        foreach (var receiver in receivers) met.Add(await ErrorOf(() => receiver.ReceiveBatchAsync(1, Patience)));
        foreach (var receiver in receivers) await receiver.CloseAsync();
        return met;
    }

    /// <summary>Reads in batches from a position, ahead by `prefetch` events.</summary>
    async Task<JsonNode?> Batches()
    {
        await using var receiver = new PartitionReceiver(
            Text("group", "$Default"), Text("partition", "0"), Position(), Text("connection"),
            new PartitionReceiverOptions
            {
                ConnectionOptions = ConnectionOptions(),
                RetryOptions = Retries(),
                PrefetchCount = Number("prefetch"),
                PrefetchSizeInBytes = request["prefetchBytes"] is { } bytes ? (long)bytes : null,
                TrackLastEnqueuedEventProperties = true,
            });
        var taken = new JsonArray();
        while (taken.Count < Number("count"))
            foreach (var one in await receiver.ReceiveBatchAsync(Number("batch"), Patience)) taken.Add(one.SequenceNumber);
        return new JsonObject
        {
            ["sequence numbers"] = taken,
            ["last in partition"] = receiver.ReadLastEnqueuedEventProperties().SequenceNumber,
        };
    }
}
