using System.Collections.Concurrent;

namespace Hubfront.AmqpOracle;

/// <summary>A fault as a command arms it. Times: how often it applies; absent: until it is cleared.</summary>
public sealed record Fault(
    string Kind, int? Times = null, string? PartitionId = null, string? Condition = null, string? Description = null,
    int Max = 5, int DelayMs = 1_000, string? Policy = null, string? Node = null);

/// <summary>Faults that wait for a request or a link.</summary>
public sealed class Faults
{
    readonly ConcurrentDictionary<int, (Fault Fault, int Left)> armed = new();
    int lastId;
    public event Action? Changed;

    public int Arm(Fault fault)
    {
        var id = Interlocked.Increment(ref lastId);
        armed[id] = (fault, fault.Times ?? int.MaxValue);
        Changed?.Invoke();
        return id;
    }

    public void Clear(int? id)
    {
        if (id is { } one) armed.TryRemove(one, out _);
        else armed.Clear();
        Changed?.Invoke();
    }

    public Fault? Find(string kind, string? partitionId = null) => Armed(kind, partitionId)?.Value.Fault;

    /// <summary>As Find, and counts the application.</summary>
    public Fault? Apply(string kind, string? partitionId = null)
    {
        if (Armed(kind, partitionId) is not { } found) return null;
        var (fault, left) = found.Value;
        if (left > 1) armed[found.Key] = (fault, left - 1);
        else armed.TryRemove(found.Key, out _);
        return fault;
    }

    KeyValuePair<int, (Fault Fault, int Left)>? Armed(string kind, string? partitionId)
    {
        foreach (var one in armed.OrderBy(entry => entry.Key))
            if (one.Value.Fault.Kind == kind && (one.Value.Fault.PartitionId ?? partitionId) == partitionId) return one;
        return null;
    }
}
