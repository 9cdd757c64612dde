# frozen_string_literal: true

require "minitest/autorun"
require "stringio"
require "zlib"
require "hubfront"
require_relative "scripted_feed"

# Responses that the app did not write, or not completely: from the platform while an app starts, from proxies and
# captive portals, and on broken connections. None of them may end the worker, move the cursor or count as an empty
# page.
class ForeignResponsesTest < Minitest::Test
  HTML = "<!doctype html><title>Sign in</title>"
  PAGE = ScriptedFeed.page("c1", ScriptedFeed.message("0", 1))
  BODY = PAGE.last
  AS_JSON = '{"messages":[{"partitionId":"0"}],"next_offset":"c9","has_more":false,"gaps":[],"incomplete":[]}'
  STATE = '{"next_offset":"c9","has_more":false,"gaps":[],"incomplete":[]}'

  # Writes a raw response that a correct server would not send.
  def self.raw(head, body = "")
    ->(socket) { socket.write("#{head}\r\n\r\n#{body}") }
  end

  # Sends one byte at a time, endlessly.
  DRIP = lambda do |socket|
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    loop do
      socket.write("x")
      sleep 0.05
    end
  end

  RESPONSES = {
    **[301, 302, 307, 400, 401, 403, 404, 405, 407, 409, 410, 413, 414, 431, 451, 500, 501, 502, 503, 504, 511, 520, 599]
      .to_h { |status| ["an empty #{status}", [status, {}, ""]] },
    **[400, 401, 403, 404, 500, 502, 503].to_h { |status| ["#{status} with HTML", [status, {}, HTML]] },
    "a gateway's own JSON error" => [404, {}, '{"statusCode":404,"message":"Resource not found"}'],
    "a gateway's own code" => [404, { "Content-Type" => "application/json" }, '{"code":"not_found"}'],
    "a code of a type that begins like problem details" =>
      [404, { "Content-Type" => "application/problem+json-seq" }, '{"code":"not_found"}'],
    "a code without a content type" => [403, {}, '{"code":"forbidden"}'],
    "a code that is not the app's" => ScriptedFeed.problem(403, '{"code":"Forbidden"}'),
    "a nested code" => ScriptedFeed.problem(403, '{"error":{"code":"site_disabled"}}'),
    "a code that is not a string" => ScriptedFeed.problem(400, '{"code":7}'),
    "problem details without a code" => ScriptedFeed.problem(404, '{"title":"Not Found"}'),
    "problem details that are cut" => ScriptedFeed.problem(400, '{"code":"invalid_cur'),
    "problem details that are a list" => ScriptedFeed.problem(400, '["code"]'),
    "the app's own 408" => ScriptedFeed.problem(408, '{"code":"hub_timeout"}'),
    "the app's own 500" => ScriptedFeed.problem(500, '{"code":"internal_error"}'),
    "the app's own 503" => ScriptedFeed.problem(503, '{"code":"settings_invalid","detail":7}'),
    "a page that is cut within a character" => [200, {}, BODY.b.sub("m-1".b, "\xe3\x82\x86".b)[0..BODY.index("m-1") + 1]],
    "a page in UTF-16" => [200, {}, BODY.encode("UTF-16LE").b],
    "a redirect to itself" => [307, { "Location" => "/api/message_feed" }, ""],
    "a negative length" => raw("HTTP/1.1 200 OK\r\nContent-Length: -1"),
    "deflate that is none" => [200, { "Content-Encoding" => "deflate" }, BODY],
    "a redirect to a portal" => [302, { "Location" => "http://portal.example/?secret=1" }, HTML],
    "a malformed Location" => [302, { "Location" => "http://[" }, ""],
    "a malformed Retry-After" => [503, { "Retry-After" => "soon" }, ""],
    "a date in the past" => [503, { "Retry-After" => "Wed, 21 Oct 2015 07:28:00 GMT" }, ""],
    "an error that is no UTF-8" => [400, {}, "{\"code\":\"\xff\"}"],
    "204" => [204, {}, ""], "206" => [206, {}, BODY], "203 with HTML" => [203, {}, HTML],
    **["", "\n", "{}", "null", "[]", "[{}]", "1", '"x"', "true", HTML, "\xEF\xBB\xBF", "\0" * 100,
       '{"status":"ok"}', AS_JSON, "#{AS_JSON}\n", "{}\n{}\n", "null\n#{STATE}", "[]\n#{STATE}", "{}\n#{STATE}",
       "#{STATE}\nnull", "#{BODY}#{HTML}", "\n#{BODY}", BODY.sub("\n", "\n\n")]
      .to_h { |body| ["200 with #{body[0, 30].inspect}, #{body.bytesize} bytes", [200, {}, body]] },
    **{ "next_offset" => ["", nil, 7, "a b", "c\u0000", "x" * 40_000], "has_more" => [nil, "no"],
        "gaps" => [nil, {}, [1], [{}], [{ partitionId: "0", from: "1", to: 2 }]],
        "incomplete" => [nil, {}, [[]], [{ partitionId: 0, code: "x" }]] }
      .flat_map { |name, values| values.map { |value| [name, value] } }
      .to_h { |name, value| ["#{name} as #{value.inspect[0, 20]}", ScriptedFeed.page("c9", name.to_sym => value)] },
    **{ partitionId: 0, sequenceNumber: "1", offset: 1, enqueuedTimeUtc: nil, properties: [] }
      .to_h { |name, value| ["a message's #{name} as #{value.inspect}",
                             ScriptedFeed.page("c9", ScriptedFeed.message("0", 1).merge(name => value))] },
    "an invalid byte in a message" => [200, {}, BODY.b.sub("m-1".b, "\xff".b)],
    "an invalid byte in the state" => [200, {}, BODY.b.sub("c1".b, "\xc3".b)],
    "a page cut after a complete line" => [200, {}, BODY.lines.first],
    "a page cut in its last line" => [200, {}, BODY.chomp[0...-2]],
    "a cut gzip" => [200, { "Content-Encoding" => "gzip" }, Zlib.gzip(BODY)[0...-12]],
    "a gzip cut in its header" => [200, { "Content-Encoding" => "gzip" }, Zlib.gzip(BODY)[0, 5]],
    "gzip that is none" => [200, { "Content-Encoding" => "gzip" }, BODY],
    "an unknown content encoding" => [200, { "Content-Encoding" => "br" }, "\x1b\x03"],
    "a connection lost in the body" => [200, { "Content-Length" => 1_000_000 }, BODY[0, 100]],
    "a chunk cut short" => raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", "ff\r\nshort"),
    "a chunk size that is none" => raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked", "zz\r\n"),
    "a status line that is none" => raw("SSH-2.0-OpenSSH"),
    "a status line with bytes" => raw("HTTP/1.1 \xff\xfe"),
    "a header that is none" => raw("HTTP/1.1 200 OK\r\n\xff\xff\xff"),
    "two lengths" => raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: x", "12345"),
    "nothing" => nil,
    "more than a page may have" => [200, { "Content-Encoding" => "gzip" }, Zlib.gzip("x" * 40_000_000)],
    "an endless error" => [502, {}, "x" * 1_000_000],
    "a body that never ends" => DRIP
  }.freeze

  # All cases run concurrently, because each waits for its retry.
  def test_retries_whatever_the_app_did_not_write
    failed = RESPONSES.map { |name, response| Thread.new { fault_of(name, response) } }.filter_map(&:value)
    assert_empty failed
  end

  def test_no_page_that_is_cut_at_any_byte_counts
    page = ScriptedFeed.page("c1", ScriptedFeed.message("0", 1, { "text" => "ゆき \\ \"" }),
                             ScriptedFeed.message("1", 5, ["}", 1.5e3, nil]), gaps: [{ partitionId: "0", from: 1, to: 2 }])
    whole = page.last.b.chomp
    (0...whole.bytesize).each do |length|
      assert_raises(Hubfront::IncompletePage, length) { Hubfront::Batch.new(whole.byteslice(0, length)) }
    end
    assert_equal 2, Hubfront::Batch.new(whole).messages.size
  end

  private

  # @return [String, nil] what went wrong
  def fault_of(name, response)
    server = ScriptedFeed.new(response, PAGE)
    log = StringIO.new
    saved = []
    store = Struct.new(:saved) { def read = nil; def write(cursor) = saved << cursor }.new(saved)
    subject = Hubfront::MessageFeed.new(url: server.url, key: "the-key", cursor_store: store, wait: 0, timeout: 3,
                                        logger: Logger.new(log))
    numbers = []
    subject.each { |message| (numbers << message.sequence_number) && subject.stop }
    warnings = log.string.lines
    right = numbers == [1] && saved == ["c1"] && warnings.size == 1 && warnings.first.size < 500 &&
            !log.string.match?(/the-key|secret/)
    "#{name}: #{numbers} #{saved} #{log.string[0, 500]}" unless right
  rescue StandardError => e
    "#{name}: #{e.class}: #{e.message[0, 200]} #{e.backtrace.first}"
  ensure
    server.close
  end
end
