using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Azure.Messaging.EventHubs;
using Azure.Messaging.EventHubs.Consumer;
using Azure.Messaging.EventHubs.Primitives;
using Azure.Messaging.EventHubs.Processor;

/// <summary>Two event processors share the partitions, as in Microsoft's samples, and stop when all events were read.</summary>
static class Processors
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static async Task<JsonNode?> Run(Scenario scenario)
    {
        var store = new Checkpoints();
        var read = new ConcurrentDictionary<string, int>();
        var processors = Enumerable.Range(0, 2).Select(_ => new Processor(scenario, store, read)).ToList();
        foreach (var processor in processors) await processor.StartProcessingAsync();
        using var waiting = new CancellationTokenSource(Patience);
        while (read.Count < scenario.Number("count") || processors.Any(one => one.Owned.IsEmpty))
            await Task.Delay(50, waiting.Token);
        var owned = new JsonArray([.. processors.Select(one => JsonValue.Create(one.Owned.Count))]);
        foreach (var processor in processors) await processor.StopProcessingAsync();
        return new JsonObject { ["read"] = read.Count, ["owned"] = owned };
    }

    sealed class Processor(Scenario scenario, CheckpointStore store, ConcurrentDictionary<string, int> read)
        : PluggableCheckpointStoreEventProcessor<EventProcessorPartition>(
            store, 10, scenario.Text("group", "$Default"), scenario.Text("connection"), new EventProcessorOptions
            {
                ConnectionOptions = scenario.ConnectionOptions(),
                RetryOptions = scenario.Retries(),
                DefaultStartingPosition = EventPosition.Earliest,
                LoadBalancingStrategy = LoadBalancingStrategy.Greedy,
                LoadBalancingUpdateInterval = TimeSpan.FromMilliseconds(200),
                PartitionOwnershipExpirationInterval = TimeSpan.FromSeconds(2),
            })
    {
        public ConcurrentDictionary<string, bool> Owned { get; } = new();

        protected override async Task OnProcessingEventBatchAsync(
            IEnumerable<EventData> events, EventProcessorPartition partition, CancellationToken cancelled)
        {
            foreach (var one in events)
            {
                read.AddOrUpdate($"{partition.PartitionId}:{one.SequenceNumber}", 1, (_, times) => times + 1);
                await UpdateCheckpointAsync(partition.PartitionId, CheckpointPosition.FromEvent(one), cancelled);
            }
        }

        protected override Task OnInitializingPartitionAsync(EventProcessorPartition partition, CancellationToken cancelled)
        {
            Owned[partition.PartitionId] = true;
            return Task.CompletedTask;
        }

        protected override Task OnPartitionProcessingStoppedAsync(
            EventProcessorPartition partition, ProcessingStoppedReason reason, CancellationToken cancelled)
        {
            Owned.TryRemove(partition.PartitionId, out _);
            return Task.CompletedTask;
        }

        protected override Task OnProcessingErrorAsync(
            Exception error, EventProcessorPartition? partition, string operation, CancellationToken cancelled) => Task.CompletedTask;
    }

    /// <summary>Checkpoints and ownership in memory, with ETags as Blob storage has them.</summary>
    sealed class Checkpoints : CheckpointStore
    {
        readonly Dictionary<string, EventProcessorPartitionOwnership> owners = [];
        readonly ConcurrentDictionary<string, EventProcessorCheckpoint> checkpoints = new();

        public override Task<IEnumerable<EventProcessorPartitionOwnership>> ListOwnershipAsync(
            string host, string hub, string group, CancellationToken cancelled)
        {
            lock (owners) return Task.FromResult<IEnumerable<EventProcessorPartitionOwnership>>([.. owners.Values]);
        }

        public override Task<IEnumerable<EventProcessorPartitionOwnership>> ClaimOwnershipAsync(
            IEnumerable<EventProcessorPartitionOwnership> desired, CancellationToken cancelled)
        {
            var claimed = new List<EventProcessorPartitionOwnership>();
            lock (owners)
                foreach (var one in desired)
                {
                    if (owners.TryGetValue(one.PartitionId, out var owner) && owner.Version != one.Version) continue;
                    one.Version = $"{Guid.NewGuid()}";
                    one.LastModifiedTime = DateTimeOffset.UtcNow;
                    owners[one.PartitionId] = one;
                    claimed.Add(one);
                }
            return Task.FromResult<IEnumerable<EventProcessorPartitionOwnership>>(claimed);
        }

        public override Task<EventProcessorCheckpoint?> GetCheckpointAsync(
            string host, string hub, string group, string partitionId, CancellationToken cancelled) =>
            Task.FromResult(checkpoints.GetValueOrDefault(partitionId));

        public override Task UpdateCheckpointAsync(
            string host, string hub, string group, string partitionId, string client, CheckpointPosition position, CancellationToken cancelled)
        {
            checkpoints[partitionId] = new EventProcessorCheckpoint
            {
                FullyQualifiedNamespace = host,
                EventHubName = hub,
                ConsumerGroup = group,
                PartitionId = partitionId,
                StartingPosition = EventPosition.FromSequenceNumber(position.SequenceNumber, false),
            };
            return Task.CompletedTask;
        }

        public override Task UpdateCheckpointAsync(
            string host, string hub, string group, string partitionId, long offset, long? sequenceNumber, CancellationToken cancelled) =>
            UpdateCheckpointAsync(host, hub, group, partitionId, "", new CheckpointPosition(sequenceNumber ?? offset), cancelled);
    }
}
