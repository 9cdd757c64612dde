using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Security.Principal;
using System.Text.RegularExpressions;
using Microsoft.Azure.Amqp;
using Microsoft.Azure.Amqp.Encoding;
using Microsoft.Azure.Amqp.Framing;
using Microsoft.Azure.Amqp.Sasl;
using Microsoft.Azure.Amqp.Transport;

namespace Hubfront.AmqpOracle;

/// <summary>The endpoint: makes connections, sessions and links as the library asks for them.</summary>
public sealed class Service : IRuntimeProvider, ISaslPlainAuthenticator
{
    /// <summary>What Event Hubs announces in its open and begin frames.</summary>
    const int MaxFrameBytes = 65_536, ChannelMax = 4_999, HandleMax = 255;
    /// <summary>event-hubs-quotas: readers without an epoch, by partition and consumer group.</summary>
    const int MaxReaders = 5;
    static readonly Regex ReaderAddress = new("^([^/]+)/ConsumerGroups/([^/]+)/Partitions/([^/]+)$", RegexOptions.IgnoreCase);
    static readonly string[] DefaultGroups = ["$Default", "message-feed"];

    sealed record Served(Claims Claims, RequestNodes Nodes);
    readonly ConcurrentDictionary<AmqpConnection, Served> connections = new();
    readonly ConcurrentDictionary<PartitionReader, bool> readers = new();
    readonly Lock attaching = new();
    AmqpConnectionListener? listener;
    int managementRequests;

    public Service(Options options)
    {
        Options = options;
        Partitions = NewPartitions(options.Partitions);
        Faults.Changed += () => { foreach (var reader in readers.Keys) reader.Wake(); };
    }

    public Options Options { get; }
    public Faults Faults { get; } = new();
    public PartitionLog[] Partitions { get; private set; }
    public DateTime CreatedAt { get; private set; } = DateTime.UtcNow;
    public IEnumerable<AmqpConnection> Connections => connections.Keys;
    public IEnumerable<PartitionReader> Readers => readers.Keys;
    public IEnumerable<AmqpLink> RequestLinks(string? node) => connections.Values.SelectMany(served => served.Nodes.LinksOf(node));
    public int ManagementRequests => managementRequests;
    public void CountManagementRequest() => Interlocked.Increment(ref managementRequests);

    Dictionary<string, string> Policies
    {
        get
        {
            var revoked = Faults.Find("revokeKeys")?.Policy;
            return (Options.Policies ?? []).Where(policy => policy.Key != revoked).ToDictionary();
        }
    }

    /// <summary>Returns the port.</summary>
    public int Open()
    {
        var sasl = new SaslTransportProvider();
        sasl.AddHandler(new SaslAnonymousHandler("MSSBCBS"));
        sasl.AddHandler(new SaslAnonymousHandler());
        sasl.AddHandler(new SaslExternalHandler());
        sasl.AddHandler(new SaslPlainHandler(this));
        var settings = new AmqpSettings { RuntimeProvider = this };
        var providers = new List<TransportProvider> { sasl, new AmqpTransportProvider() };
        if (Options.PemFile is { } file)
            providers.Insert(0, new TlsTransportProvider(new() { IsInitiator = false, Certificate = X509Certificate2.CreateFromPemFile(file) }));
        foreach (var provider in providers)
        {
            provider.Versions.Add(AmqpConstants.DefaultProtocolVersion); // there is none by default
            settings.TransportProviders.Add(provider);
        }
        // The library announces half of the idle timeout that it is given, and waits for all of it.
        var perConnection = new AmqpConnectionSettings
        {
            ContainerId = "oracle", MaxFrameSize = MaxFrameBytes, ChannelMax = ChannelMax, IdleTimeOut = 2 * Options.IdleTimeoutMs,
        };
        var port = Options.Port == 0 ? FreePort() : Options.Port;
        listener = new([$"{(Options.PemFile == null ? "amqp" : "amqps")}://127.0.0.1:{port}"], settings, perConnection);
        listener.Open();
        return port;
    }

    public void Close() => listener?.Close();

    /// <summary>As if the hub were deleted and made again.</summary>
    public void Recreate(int? partitions)
    {
        Partitions = NewPartitions(partitions ?? Partitions.Length);
        CreatedAt = new[] { DateTime.UtcNow, CreatedAt.AddMilliseconds(1) }.Max();
        foreach (var connection in connections.Keys) connection.SafeClose();
    }

    public AmqpConnection CreateConnection(
        TransportBase transport, ProtocolHeader header, bool isInitiator, AmqpSettings settings, AmqpConnectionSettings connectionSettings)
    {
        var connection = new AmqpConnection(transport, header, isInitiator, settings, connectionSettings) { SessionFactory = this };
        var claims = new Claims(() => Policies) { All = transport.Principal is GenericPrincipal };
        connections[connection] = new(claims, new(this, claims));
        connection.SafeAddClosed((_, _) =>
        {
            connections.TryRemove(connection, out _);
            // A link whose connection goes while the link is being closed may never report its own end.
            foreach (var reader in readers.Keys.Where(reader => reader.Link.Session.Connection == connection)) Forget(reader);
        });
        return connection;
    }

    public AmqpSession CreateSession(AmqpConnection connection, AmqpSessionSettings settings)
    {
        settings.HandleMax = HandleMax;
        return new AmqpSession(connection, settings, this);
    }

    /// <summary>The settings are the client's attach as this side sees it: on a receiver the client sends.</summary>
    public AmqpLink CreateLink(AmqpSession session, AmqpLinkSettings settings)
    {
        if (settings.IsReceiver()) return new ReceivingAmqpLink(session, settings);
        if (Options.SettleOnSend) settings.SettleType = SettleMode.SettleOnSend;
        return new SendingAmqpLink(session, settings);
    }

    /// <summary>The callback sends the attach. An exception here refuses the link; one in CreateLink may end the session.</summary>
    public IAsyncResult BeginOpenLink(AmqpLink link, TimeSpan timeout, AsyncCallback callback, object state)
    {
        var opening = new TaskCompletionSource(state);
        try
        {
            if (link is ReceivingAmqpLink requests) OpenRequests(requests);
            else OpenSender((SendingAmqpLink)link);
            opening.SetResult();
        }
        catch (Exception refusal) { opening.SetException(refusal); }
        callback(opening.Task);
        return opening.Task;
    }

    public void EndOpenLink(IAsyncResult result) => ((Task)result).GetAwaiter().GetResult();

    public Task<IPrincipal> AuthenticateAsync(string identity, string password) =>
        Policies.GetValueOrDefault(identity) is { } key && key == password
            ? Task.FromResult<IPrincipal>(new GenericPrincipal(new GenericIdentity(identity), null))
            : Task.FromException<IPrincipal>(new UnauthorizedAccessException("Wrong policy or key"));

    void OpenRequests(ReceivingAmqpLink link)
    {
        var address = ((Target)link.Settings.Target).Address?.ToString() ?? "";
        if (RequestNode(address) is not { } node) throw Unauthorized("Send", address);
        connections[link.Session.Connection].Nodes.OpenRequests(link, node);
    }

    void OpenSender(SendingAmqpLink link)
    {
        var source = (Source)link.Settings.Source;
        var address = (source.Address?.ToString() ?? "").TrimStart('/'); // Microsoft's .NET client writes a leading slash
        var (claims, nodes) = connections[link.Session.Connection];
        if (RequestNode(address) is { } node)
        {
            nodes.OpenReplies(link, node);
            return;
        }
        var match = ReaderAddress.Match(address);
        var group = match.Groups[2].Value;
        if (!claims.Cover(address)) throw Unauthorized("Listen", address);
        if (Partitions.FirstOrDefault(log => log.Id == match.Groups[3].Value) is not { } partition
            || !Same(match.Groups[1].Value, Options.Hub) || !(Options.Groups ?? DefaultGroups).Any(one => Same(one, group)))
            throw new AmqpException(AmqpErrorCode.NotFound, $"The messaging entity '{address}' could not be found.");
        if (Faults.Apply("attachError", partition.Id) is { } fault)
            throw new AmqpException(fault.Condition ?? "amqp:internal-error", fault.Description ?? "The service was unable to process the request.");
        object? filter = null;
        source.FilterSet?.TryGetValue("apache.org:selector-filter:string", out filter);
        var selector = (filter as DescribedType)?.Value as string ?? filter as string;
        var wantsMetrics = link.Settings.DesiredCapabilities?.Contains("com.microsoft:enable-receiver-runtime-metric") == true;
        object? epoch = null;
        link.Settings.Properties?.TryGetValue("com.microsoft:epoch", out epoch);
        var reader = new PartitionReader(
            link, partition, group, epoch == null ? null : Convert.ToInt64(epoch), partition.Seek(selector), wantsMetrics,
            () => Faults.Find("slowPartition", partition.Id)?.DelayMs ?? 0);
        lock (attaching) Admit(reader, readers.Keys.Where(other => other.IsOpen && other.Competes(partition, group)).ToList());
        link.SafeAddClosed((_, _) => Forget(reader));
    }

    /// <summary>Lets a reader in by Event Hubs' rules: five without an epoch; a higher epoch takes the partition over.</summary>
    void Admit(PartitionReader reader, List<PartitionReader> others)
    {
        var highest = others.Max(other => other.Epoch) ?? -1;
        if ((reader.Epoch ?? -1) < highest)
            throw new AmqpException(AmqpErrorCode.Stolen, $"At least one receiver for the endpoint is created with epoch of '{highest}'.");
        var max = Faults.Find("readerQuota")?.Max ?? MaxReaders;
        if (reader.Epoch == null && others.Count >= max)
            throw new AmqpException(AmqpErrorCode.ResourceLimitExceeded,
                $"Exceeded the maximum number of allowed receivers per partition in a consumer group which is {max}.");
        if (reader.Epoch != null)
            foreach (var other in others)
                other.Link.SafeClose(new AmqpException(AmqpErrorCode.Stolen, $"New receiver with higher epoch of '{reader.Epoch}' is created."));
        readers[reader] = true;
        reader.Start();
    }

    void Forget(PartitionReader reader)
    {
        reader.Stop();
        readers.TryRemove(reader, out _);
    }

    string? RequestNode(string address) =>
        address == "$cbs" ? "$cbs" : address == "$management" || Same(address, $"{Options.Hub}/$management") ? "$management" : null;

    static AmqpException Unauthorized(string claim, string address) => new(AmqpErrorCode.UnauthorizedAccess,
        $"Unauthorized access. '{claim}' claim(s) are required to perform this operation. Resource: '{address}'.");

    static PartitionLog[] NewPartitions(int count) => [.. Enumerable.Range(0, count).Select(id => new PartitionLog($"{id}"))];

    static bool Same(string one, string other) => one.Equals(other, StringComparison.OrdinalIgnoreCase);

    /// <summary>The listener does not say which port it was given.</summary>
    static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
