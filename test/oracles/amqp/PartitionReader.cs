using Microsoft.Azure.Amqp;
using Microsoft.Azure.Amqp.Framing;

namespace Hubfront.AmqpOracle;

/// <summary>A client's receiver on a partition: sends what is stored as credit allows.</summary>
public sealed class PartitionReader(
    SendingAmqpLink link, PartitionLog log, string group, long? epoch, long position, bool wantsMetrics, Func<int> delayMs)
{
    /// <summary>Descriptor, constructor and size of a data section of less than 256 bytes.</summary>
    const int DataHeaderBytes = 5;

    readonly Lock turn = new();
    int deliveries;
    bool delayed;

    public SendingAmqpLink Link => link;
    public PartitionLog Log => log;
    public long? Epoch => epoch;
    public bool IsOpen => link.State == AmqpObjectState.Opened;

    public bool Competes(PartitionLog with, string inGroup) =>
        log == with && group.Equals(inGroup, StringComparison.OrdinalIgnoreCase);

    public void Start()
    {
        link.RegisterCreditListener((_, _, _) => Wake());
        link.RegisterDispositionListener(delivery =>
        {
            if (!delivery.Settled) link.DisposeDelivery(delivery, true, delivery.State);
        });
        log.Appended += Wake;
    }

    public void Stop() => log.Appended -= Wake;

    /// <summary>Sends what there is, after the delay that a fault asks for.</summary>
    public void Wake()
    {
        if (delayMs() is var wait && wait > 0)
        {
            lock (turn)
            {
                if (delayed) return;
                delayed = true;
            }
            Task.Delay(wait).ContinueWith(_ => { lock (turn) delayed = false; Send(); });
            return;
        }
        Send();
    }

    void Send()
    {
        // The connection's thread and the one that appends meet here.
        lock (turn)
            for (; IsOpen && link.LinkCredit > 0 && log.Read(ref position) is { } stored; position++)
                link.SendMessageNoWait(MessageOf(stored), new(BitConverter.GetBytes(++deliveries)), default);
    }

    /// <summary>Sends the next message up to its body, then aborts the delivery (AMQP 1.0, 2.7.5, "aborted").</summary>
    public void AbortDelivery()
    {
        lock (turn)
        {
            if (log.Read(ref position) is not { } stored) return;
            var message = MessageOf(stored);
            message.DeliveryTag = new(BitConverter.GetBytes(++deliveries));
            message.Settled = true;
            var begun = new Transfer { Handle = link.LocalHandle, DeliveryTag = message.DeliveryTag, MessageFormat = 0, Settled = true, More = true };
            var upToBody = message.GetPayload(int.MaxValue, out _).Sum(segment => segment.Count) - stored.Body.Length - DataHeaderBytes;
            link.Session.TrySendTransfer(message, begun, message.GetPayload(upToBody, out _));
            link.Session.TrySendTransfer(null, new Transfer { Handle = link.LocalHandle, Aborted = true }, []);
        }
    }

    AmqpMessage MessageOf(StoredMessage stored)
    {
        var message = AmqpMessage.Create(new Data { Value = new ArraySegment<byte>(stored.Body) });
        var annotations = message.MessageAnnotations.Map;
        annotations["x-opt-sequence-number"] = stored.SequenceNumber;
        annotations["x-opt-offset"] = $"{stored.Offset}";
        annotations["x-opt-enqueued-time"] = stored.EnqueuedTime;
        annotations["iothub-connection-device-id"] = "seeded-device";
        annotations["iothub-connection-auth-method"] = """{"scope":"device","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}""";
        annotations["iothub-connection-auth-generation-id"] = "1";
        annotations["iothub-enqueuedtime"] = stored.EnqueuedTime;
        annotations["iothub-message-source"] = "Telemetry";
        message.Properties.ContentType = "application/json";
        message.Properties.ContentEncoding = "utf-8";
        message.ApplicationProperties.Map["kind"] = "seeded";
        if (wantsMetrics && log.Last is { } last)
        {
            var metrics = message.DeliveryAnnotations.Map;
            metrics["last_enqueued_sequence_number"] = last.SequenceNumber;
            metrics["last_enqueued_offset"] = $"{last.Offset}";
            metrics["last_enqueued_time_utc"] = last.EnqueuedTime;
            metrics["runtime_info_retrieval_time_utc"] = DateTime.UtcNow;
        }
        return message;
    }
}
