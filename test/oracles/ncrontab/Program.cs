// Tells what the timer trigger of Azure Functions makes of schedules. It reads lines of JSON from its input,
// {"expression", "after"}, and answers each with a line: {"kind": "cron" | "timespan" | "none", "next": [ISO 8601 …]}.
// The rules are those of TimerSchedule.Create and CronSchedule in Azure/azure-webjobs-sdk-extensions.
using System.Globalization;
using System.Text.Json;
using NCrontab;

const int Occurrences = 10;

while (Console.ReadLine() is { } line)
{
    using var request = JsonDocument.Parse(line);
    var expression = request.RootElement.GetProperty("expression").GetString()!;
    var after = DateTime.Parse(
        request.RootElement.GetProperty("after").GetString()!,
        CultureInfo.InvariantCulture,
        DateTimeStyles.AdjustToUniversal);
    Console.WriteLine(JsonSerializer.Serialize(Answer(expression, after)));
}

static object Answer(string expression, DateTime after)
{
    var fields = expression.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;
    CrontabSchedule? schedule;
    try
    {
        var options = new CrontabSchedule.ParseOptions { IncludingSeconds = fields != 5 };
        schedule = CrontabSchedule.TryParse(expression, options);
    }
    catch (Exception error) when (error is OverflowException or ArgumentException)
    {
        return new { kind = "none", next = Array.Empty<string>() }; // the host cannot index the function
    }
    if (schedule is null)
    {
        var kind = TimeSpan.TryParse(expression, CultureInfo.InvariantCulture, out _) ? "timespan" : "none";
        return new { kind, next = Array.Empty<string>() };
    }
    var next = new List<string>();
    var time = after;
    while (next.Count < Occurrences)
    {
        time = schedule.GetNextOccurrence(time);
        if (time == DateTime.MaxValue) break;
        next.Add(time.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
    }
    return new { kind = "cron", next };
}
