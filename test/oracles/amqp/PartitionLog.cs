using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Azure.Amqp;

namespace Hubfront.AmqpOracle;

public sealed record StoredMessage(long SequenceNumber, long Offset, DateTime EnqueuedTime, byte[] Body);

/// <summary>The messages of a partition. Sequence numbers are contiguous from 0; offsets grow by the size of a message.</summary>
public sealed class PartitionLog(string id)
{
    /// <summary>What a stored message takes beside its body.</summary>
    const int OverheadBytes = 100;
    static readonly Regex Selector = new(
        "^amqp\\.annotation\\.x-opt-(offset|sequence-number|enqueued-time)\\s*(>=|>)\\s*'?([^']*?)'?$");

    readonly List<StoredMessage> messages = [];
    readonly Lock guard = new();
    long first;
    long nextOffset;

    public string Id => id;
    public event Action? Appended;

    public long First { get { lock (guard) return first; } }
    public long Count { get { lock (guard) return messages.Count - first; } }
    public StoredMessage? Last { get { lock (guard) return messages.LastOrDefault(); } }

    /// <summary>Appends a message with the JSON body {"n": sequence number, "pad": "xxx…"} of that size.</summary>
    public void Append(int bodyBytes)
    {
        lock (guard)
        {
            var head = $"{{\"n\":{messages.Count},\"pad\":\"";
            var body = Encoding.UTF8.GetBytes(head.PadRight(Math.Max(head.Length, bodyBytes - 2), 'x') + "\"}");
            messages.Add(new(messages.Count, nextOffset, DateTime.UtcNow, body));
            nextOffset += body.Length + OverheadBytes;
        }
    }

    public void NotifyAppended() => Appended?.Invoke();

    /// <summary>Removes all messages but the last ones, as retention does.</summary>
    public void Expire(long keep) { lock (guard) first = Math.Max(first, messages.Count - keep); }

    public void JumpOffset(long by) { lock (guard) nextOffset += by; }

    /// <summary>Reads the message at a position, or the first one after it that is still stored.</summary>
    public StoredMessage? Read(ref long position)
    {
        lock (guard)
        {
            position = Math.Max(position, first);
            return position < messages.Count ? messages[(int)position] : null;
        }
    }

    /// <summary>The sequence number at which a reader with that selector begins. Without a selector: the end.</summary>
    public long Seek(string? selector)
    {
        lock (guard)
        {
            if (selector == null) return messages.Count;
            var match = Selector.Match(selector);
            if (!match.Success) throw new AmqpException(AmqpErrorCode.InvalidField, $"The filter '{selector}' is not valid.");
            var (annotation, inclusive, value) = (match.Groups[1].Value, match.Groups[2].Value == ">=", match.Groups[3].Value);
            if (annotation == "offset" && value == "@latest") return messages.Count;
            long KeyOf(StoredMessage message) => annotation switch
            {
                "offset" => message.Offset,
                "sequence-number" => message.SequenceNumber,
                _ => new DateTimeOffset(message.EnqueuedTime).ToUnixTimeMilliseconds(),
            };
            var last = messages.Count == 0 ? -1 : KeyOf(messages[^1]);
            if (!long.TryParse(value, out var wanted) || (annotation != "enqueued-time" && wanted > last))
                throw new AmqpException("com.microsoft:argument-error",
                    $"The supplied {annotation} '{value}' is invalid. The last {annotation} in the system is '{last}'");
            var found = messages.FindIndex(message => inclusive ? KeyOf(message) >= wanted : KeyOf(message) > wanted);
            return found < 0 ? messages.Count : found;
        }
    }
}
