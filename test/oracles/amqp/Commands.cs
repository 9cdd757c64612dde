using System.Text.Json;
using Microsoft.Azure.Amqp;

namespace Hubfront.AmqpOracle;

/// <summary>Commands of the tests. Their names and fields are those of the emulator's admin API.</summary>
public sealed class Commands(Service service)
{
    sealed record Command(string Name, JsonElement Request);
    sealed record SeedRequest(int Count, string? PartitionId = null, int SizeBytes = 100);
    sealed record ExpireRequest(long Keep, string? PartitionId = null);
    sealed record JumpRequest(long By, string? PartitionId = null);
    sealed record RecreateRequest(int? Partitions = null);
    sealed record ClearRequest(int? Id = null);

    public object Run(string line)
    {
        var command = JsonSerializer.Deserialize<Command>(line, Json.Options)!;
        switch (command.Name)
        {
            case "state": break;
            case "seed": Seed(Read<SeedRequest>(command)); break;
            case "expire":
                var expire = Read<ExpireRequest>(command);
                foreach (var log in Logs(expire.PartitionId)) log.Expire(expire.Keep);
                break;
            case "jumpOffset":
                var jump = Read<JumpRequest>(command);
                foreach (var log in Logs(jump.PartitionId)) log.JumpOffset(jump.By);
                break;
            case "recreateHub": service.Recreate(Read<RecreateRequest>(command).Partitions); break;
            case "armFault": return Arm(Read<Fault>(command));
            case "clearFaults": service.Faults.Clear(Read<ClearRequest>(command).Id); break;
            default: throw new ArgumentException($"unknown command '{command.Name}'");
        }
        return State();
    }

    static T Read<T>(Command command) =>
        (command.Request.ValueKind == JsonValueKind.Undefined
            ? JsonSerializer.Deserialize<T>("{}", Json.Options)
            : command.Request.Deserialize<T>(Json.Options))!;

    PartitionLog[] Logs(string? partitionId)
    {
        var logs = service.Partitions.Where(log => partitionId == null || log.Id == partitionId).ToArray();
        return logs.Length > 0 ? logs : throw new ArgumentException($"there is no partition '{partitionId}'");
    }

    void Seed(SeedRequest request)
    {
        var logs = Logs(request.PartitionId);
        for (var index = 0; index < request.Count; index++) logs[index % logs.Length].Append(request.SizeBytes);
        foreach (var log in logs) log.NotifyAppended();
    }

    object Arm(Fault fault)
    {
        var error = fault.Condition == null ? null : new AmqpException(fault.Condition, fault.Description ?? "a fault of the test");
        switch (fault.Kind)
        {
            case "detachLinks":
                error ??= new AmqpException(AmqpErrorCode.DetachForced, "The link is force detached by the broker.");
                return Each(service.Readers.Where(reader => (fault.PartitionId ?? reader.Log.Id) == reader.Log.Id), reader => reader.Link.SafeClose(error));
            case "detachRequestLinks": return Each(service.RequestLinks(fault.Node), link => link.SafeClose(error));
            case "endSessions": return Each(service.Connections.SelectMany(connection => connection.Sessions), session => session.SafeClose(error));
            case "closeConnections": return Each(service.Connections, connection => connection.SafeClose(error));
            case "resetConnections": return Each(service.Connections, connection => connection.Abort());
            case "abortDelivery":
                return Each(service.Readers.Where(reader => reader.Log.Id == fault.PartitionId), reader => reader.AbortDelivery());
            default: return new { id = service.Faults.Arm(fault) };
        }
    }

    static object Each<T>(IEnumerable<T> all, Action<T> act)
    {
        var list = all.ToList();
        list.ForEach(act);
        return new { affected = list.Count };
    }

    object State() => new
    {
        createdAt = service.CreatedAt,
        partitions = service.Partitions.Select(log => new
        {
            partitionId = log.Id,
            beginSequenceNumber = log.First,
            lastSequenceNumber = log.Last?.SequenceNumber ?? -1,
            lastOffset = $"{log.Last?.Offset ?? -1}",
            count = log.Count,
            readers = service.Readers.Count(reader => reader.IsOpen && reader.Log == log),
        }),
        connections = new
        {
            amqp = service.Connections.Count(),
            amqpSessions = service.Connections.Sum(connection => connection.Sessions.Count()),
        },
        requests = new { management = service.ManagementRequests },
    };
}
