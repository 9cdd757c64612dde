using System.Collections.Concurrent;
using Microsoft.Azure.Amqp;
using Microsoft.Azure.Amqp.Encoding;
using Microsoft.Azure.Amqp.Framing;

namespace Hubfront.AmqpOracle;

/// <summary>The request-response nodes of one connection: $cbs and $management.</summary>
public sealed class RequestNodes(Service service, Claims claims)
{
    sealed record Link(string Node, AmqpLink Of);
    /// <summary>The links on which responses go out, by the client's reply-to.</summary>
    readonly ConcurrentDictionary<string, SendingAmqpLink> replies = new();
    readonly ConcurrentDictionary<Link, bool> links = new();

    public void OpenReplies(SendingAmqpLink link, string node)
    {
        var replyTo = (link.Settings.Target as Target)?.Address?.ToString() ?? link.Name;
        replies[replyTo] = link;
        Keep(new(node, link));
    }

    public void OpenRequests(ReceivingAmqpLink link, string node)
    {
        link.RegisterMessageListener(request => Respond(link, node, request));
        Keep(new(node, link));
    }

    /// <summary>The links of a node; of both nodes where none is named.</summary>
    public IEnumerable<AmqpLink> LinksOf(string? node) =>
        links.Keys.Where(link => node == null || link.Node == node).Select(link => link.Of);

    void Keep(Link link)
    {
        links[link] = true;
        link.Of.SafeAddClosed((_, _) => links.TryRemove(link, out _));
    }

    void Respond(ReceivingAmqpLink link, string node, AmqpMessage request)
    {
        // Accepting also returns the credit to the client.
        link.AcceptMessage(request, false);
        var asked = request.ApplicationProperties.Map;
        string Text(string name) => asked.TryGetValue<object>(name, out var value) ? value?.ToString() ?? "" : "";
        var (status, description, body) = node == "$cbs"
            ? PutToken(Text("name"), request.ValueBody?.Value as string ?? "")
            : Read(Text("type"), Text("name"), Text("partition"), Text("security_token"));
        if (status == 0) return;
        var response = AmqpMessage.Create(new AmqpValue { Value = body });
        response.Properties.CorrelationId = request.Properties.MessageId;
        response.ApplicationProperties.Map["status-code"] = status;
        response.ApplicationProperties.Map["status-description"] = description;
        if (status == 503) response.ApplicationProperties.Map["error-condition"] = (AmqpSymbol)"com.microsoft:server-busy";
        var replyTo = request.Properties.ReplyTo?.ToString() ?? "";
        if (replies.TryGetValue(replyTo, out var reply) && !reply.IsClosing())
            reply.SendMessageNoWait(response, new(Guid.NewGuid().ToByteArray()), default);
    }

    (int Status, string Description, AmqpMap Body) PutToken(string audience, string token) =>
        claims.Put(audience, token) is { } refusal ? (401, refusal, new()) : (202, "Accepted", new());

    (int Status, string Description, AmqpMap Body) Read(string type, string name, string id, string token)
    {
        service.CountManagementRequest();
        if (service.Faults.Apply("hangManagement") != null) return default;
        if (service.Faults.Apply("serverBusy") != null)
            return (503, "The request was terminated because the entity is being throttled. Error code : 50009.", new());
        var node = $"{service.Options.Hub}/$management";
        if (!claims.Cover(node) && claims.Check(node, token, out _) != null)
            return (401, $"Unauthorized access. 'Listen' claim(s) are required to perform this operation. Resource: '{node}'.", new());
        if (!name.Equals(service.Options.Hub, StringComparison.OrdinalIgnoreCase))
            return (404, $"The messaging entity '{name}' could not be found.", new());
        var partitions = service.Partitions;
        if (type == "com.microsoft:eventhub")
            return (200, "OK", Map(type,
                ("created_at", service.CreatedAt), ("partition_count", partitions.Length),
                ("partition_ids", partitions.Select(partition => partition.Id).ToArray()), ("georeplication_factor", 1)));
        if (type != "com.microsoft:partition" || partitions.FirstOrDefault(one => one.Id == id) is not { } log)
            return (400, "The specified partition is invalid for an EventHub partition sender or receiver.", new());
        var last = log.Last ?? new(-1, -1, DateTime.UnixEpoch, []);
        return (200, "OK", Map(type,
            ("partition", id), ("begin_sequence_number", log.First), ("last_enqueued_sequence_number", last.SequenceNumber),
            ("last_enqueued_offset", $"{last.Offset}"), ("last_enqueued_time_utc", last.EnqueuedTime),
            ("is_partition_empty", log.Count == 0)));
    }

    AmqpMap Map(string type, params (string Name, object Value)[] members)
    {
        var map = new AmqpMap { [new MapKey("name")] = service.Options.Hub, [new MapKey("type")] = type };
        foreach (var (name, value) in members) map[new MapKey(name)] = value;
        return map;
    }
}
