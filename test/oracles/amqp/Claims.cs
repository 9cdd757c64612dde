using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Hubfront.AmqpOracle;

/// <summary>What one connection may read: entity paths, each until its token expires; all, by SASL PLAIN.</summary>
public sealed class Claims(Func<IReadOnlyDictionary<string, string>> policies)
{
    readonly ConcurrentDictionary<string, long> granted = new();
    public bool All { get; set; }

    /// <summary>Whether a path, or a path above it, was claimed and its token is valid.</summary>
    public bool Cover(string path) => All || granted.Any(claim => claim.Value > Now && Contains(claim.Key, PathOf(path)));

    /// <summary>Grants the right to an entity by a shared access signature. Returns why it refuses, or null.</summary>
    public string? Put(string audience, string token)
    {
        if (Check(audience, token, out var expiry) is { } refusal) return refusal;
        granted[PathOf(audience)] = expiry;
        return null;
    }

    /// <summary>Checks a shared access signature. Returns why it refuses, or null.</summary>
    public string? Check(string audience, string token, out long expiry)
    {
        var parts = token.Replace("SharedAccessSignature ", "").Split('&').Select(part => part.Split('=', 2))
            .Where(part => part.Length == 2).ToDictionary(part => part[0], part => part[1]);
        string Part(string name) => parts.GetValueOrDefault(name) ?? "";
        if (!long.TryParse(Part("se"), out expiry)) return "MalformedToken: The token is malformed.";
        var key = policies().GetValueOrDefault(Part("skn")) ?? "";
        var signature = HMACSHA256.HashData(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes($"{Part("sr")}\n{Part("se")}"));
        if (key == "" || Uri.UnescapeDataString(Part("sig")) != Convert.ToBase64String(signature))
            return "InvalidSignature: The token has an invalid signature.";
        if (expiry <= Now) return "ExpiredToken: The token is expired.";
        return Contains(PathOf(Uri.UnescapeDataString(Part("sr"))), PathOf(audience))
            ? null
            : "InvalidAudience: The authorization header contains a token which is not valid for the audience.";
    }

    static long Now => DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    static bool Contains(string scope, string path) => (path + "/").StartsWith(scope + "/", StringComparison.Ordinal);

    /// <summary>Without scheme, host and port, in which clients differ.</summary>
    static string PathOf(string uri) => Regex.Replace(uri, "^[a-z]+://[^/]*", "").Trim('/').ToLowerInvariant();
}
