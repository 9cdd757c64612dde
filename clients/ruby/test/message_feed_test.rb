# frozen_string_literal: true

require "minitest/autorun"
require "tmpdir"
require "hubfront"
require_relative "scripted_feed"

class MessageFeedTest < Minitest::Test
  class MemoryCursor
    attr_reader :saved

    def initialize = @saved = []
    def read = @saved.last
    def write(cursor) = @saved << cursor
  end

  def setup
    @cursor = MemoryCursor.new
    @log = StringIO.new
  end

  def teardown
    @servers&.each(&:close)
  end

  def page(...) = ScriptedFeed.page(...)
  def from_hub(...) = ScriptedFeed.message(...)

  def feed(*script, **options)
    @server = ScriptedFeed.new(*script)
    (@servers ||= []) << @server
    Hubfront::MessageFeed.new(url: @server.url, key: "the-key", cursor_store: @cursor, logger: Logger.new(@log),
                              **options)
  end

  def asked = Array.new(@server.requests.size) { @server.requests.pop }

  def test_saves_the_cursor_after_the_block_has_taken_the_batch
    subject = feed(page("c1", from_hub("0", 1), from_hub("1", 7)), page("c2", from_hub("0", 2)))
    seen = []
    subject.each do |message|
      seen << [message.partition_id, message.sequence_number, message.body["n"], @cursor.read]
      subject.stop if message.sequence_number == 2
    end
    assert_equal [["0", 1, 1, nil], ["1", 7, 7, nil], ["0", 2, 2, "c1"]], seen
    assert_equal %w[c1 c2], @cursor.saved
  end

  def test_asks_with_the_key_in_a_header_and_the_cursor_in_the_query
    subject = feed(page("c1", from_hub("0", 1)), limit: 5, wait: 3, partitions: [0, 2])
    @cursor.write("v1.abc")
    subject.each { subject.stop }
    path, headers = asked.first
    assert_equal({ "limit" => "5", "wait" => "3", "partitions" => "0,2", "after_offset" => "v1.abc" },
                 URI.decode_www_form(URI(path).query).to_h)
    assert_equal "the-key", headers["x-functions-key"]
  end

  def test_leaves_the_cursor_when_the_block_raises
    subject = feed(page("c1", from_hub("0", 1), from_hub("0", 2)))
    assert_raises(ZeroDivisionError) { subject.each { |message| 1 / (2 - message.sequence_number) } }
    assert_empty @cursor.saved
  end

  def test_waits_as_long_as_retry_after_says
    subject = feed(ScriptedFeed.problem(429, '{"code":"hub_throttled"}', { "Retry-After" => "1" }), page("c1", from_hub("0", 1)))
    started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
    subject.each { subject.stop }
    assert_operator Process.clock_gettime(Process::CLOCK_MONOTONIC) - started, :>=, 1
    assert_match(/429, hub_throttled/, @log.string)
  end

  def test_raises_what_a_retry_cannot_repair
    subject = feed(ScriptedFeed.problem(400, '{"code":"invalid_cursor","detail":"It is malformed."}'))
    error = assert_raises(Hubfront::Refused) { subject.each { flunk } }
    assert_equal [400, "invalid_cursor"], [error.status, error.code]
    assert_equal "the feed returned 400, invalid_cursor, It is malformed.", error.message
  end

  def test_names_a_malformed_proxy
    before = ENV.fetch("http_proxy", nil)
    ENV["http_proxy"] = ":::"
    url = "http://192.0.2.7/api/message_feed" # a name would be looked up first
    subject = Hubfront::MessageFeed.new(url: url, key: "k", cursor_store: @cursor, give_up_after: 0.3)
    error = assert_raises(Hubfront::InvalidSettings) { subject.each { flunk } }
    assert_equal "http_proxy or https_proxy is not a URL", error.message
  ensure
    ENV["http_proxy"] = before
  end

  def test_reports_a_wrong_key_from_the_first_response_on_and_ends
    error = assert_raises(Hubfront::Refused) { feed([401, {}, ""], give_up_after: 0.3).each { flunk } }
    assert_equal 401, error.status
    assert_match(/401, the function key is wrong/, error.message)
    assert_match(/401, the function key is wrong/, @log.string.lines.first)
    refute_match(/the-key/, @log.string + error.message)
  end

  def test_gives_up_on_an_app_that_stays_away
    error = assert_raises(Hubfront::Unavailable) { feed([503, {}, ""], give_up_after: 0.3).each { flunk } }
    assert_equal "gave up after 0.3 s: the feed returned 503", error.message
  end

  def test_tells_gaps_and_a_reset_before_the_messages
    subject = feed(page("c1", from_hub("0", 9), gaps: [{ partitionId: "0", from: 3, to: 8 }], reset: true))
    told = []
    subject.on_gap { |gap| told << gap.to_a }
    subject.on_reset { told << :reset }
    subject.each { |message| (told << message.sequence_number) && subject.stop }
    assert_equal [:reset, ["0", 3, 8], 9], told
  end

  def test_asks_again_for_partitions_that_could_not_be_read
    subject = feed(page("c0", incomplete: [{ partitionId: "1", code: "hub_timeout" }], has_more: true),
                   page("c1", from_hub("1", 1)))
    subject.each { subject.stop }
    assert_equal ["c1"], @cursor.saved
    assert_match(/"1"\s*=>\s*"hub_timeout"/, @log.string)
  end

  def test_gives_the_batch_for_a_job_that_ends
    subject = feed(page("c1", from_hub("0", 1), has_more: true), page("c2", from_hub("0", 2)))
    sizes = []
    subject.each_batch do |batch|
      sizes << batch.messages.size
      subject.stop unless batch.has_more?
    end
    assert_equal [1, 1], sizes
    assert_equal %w[c1 c2], @cursor.saved
  end

  def test_ends_a_job_when_nothing_is_new
    subject = feed(page("c1"), wait: 0)
    sizes = []
    subject.each_batch do |batch|
      sizes << batch.messages.size
      subject.stop unless batch.has_more?
    end
    assert_equal [0], sizes
  end

  def test_stops_at_once_while_it_waits
    subject = feed([503, { "Retry-After" => "600" }, ""])
    thread = Thread.new { subject.each { flunk } }
    @server.requests.pop
    subject.stop
    assert thread.join(5)
  end

  def test_gives_a_body_that_ruby_cannot_parse_as_text
    broken = from_hub("0", 1).merge(properties: { "a" => "1", "body" => "x" })
    half = JSON.generate(broken).sub('{"n":1}', '{"t":"\\ud800"}')
    deep = JSON.generate(from_hub("0", 2)).sub('{"n":2}', "#{"[" * 5_000}#{"]" * 5_000}")
    huge = JSON.generate(from_hub("0", 3)).sub('{"n":3}', '{"n":1e999}')
    subject = feed(page("c1", half, deep, huge))
    got = []
    subject.each { |message| (got << message) && (subject.stop if got.size == 3) }
    assert_equal ['{"t":"\\ud800"}', "[" * 5_000 + "]" * 5_000], got.first(2).map(&:body)
    assert_equal [half, deep, huge], got.map(&:to_json)
    assert_equal({ "a" => "1", "body" => "x" }, got.first.properties)
  end

  def test_gives_the_fields_of_a_message
    got = nil
    subject = feed(page("c1", from_hub("3", 1)))
    subject.each { |message| (got = message) && subject.stop }
    assert_equal ["3", 1, "1", "d", "m-1", "application/json", { "a" => "b" }, { "n" => 1 }],
                 [got.partition_id, got.sequence_number, got.offset, got.device_id, got.message_id, got.content_type,
                  got.properties, got.body]
    assert_equal Time.utc(2026, 1, 2, 3, 4, 5.678r), got.enqueued_time
  end

  def test_rejects_invalid_options_by_name_without_their_values
    error = assert_raises(ArgumentError) do
      Hubfront::MessageFeed.new(url: "https://u:secret@app.example/x", key: "sec\nret", cursor_store: @cursor, limit: 0,
                                wait: 61, partitions: ["a"], timeout: 0, give_up_after: -1)
    end
    assert_equal %w[url key limit wait partitions timeout give_up_after], error.message.scan(/(\w+) must/).flatten
    refute_match(/sec/, error.message.gsub("seconds", ""))
  end
end
