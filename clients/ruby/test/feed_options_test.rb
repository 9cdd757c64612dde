# frozen_string_literal: true

require "minitest/autorun"
require "hubfront"

class FeedOptionsTest < Minitest::Test
  URL = "http://localhost:7071/api/message_feed"

  def read(**environment)
    Hubfront::FeedOptions.from_environment({ "FEED_URL" => URL, "FEED_KEY" => "k" }.merge(environment.transform_keys(&:to_s)))
  end

  def test_reads_what_is_set
    assert_equal({ url: URL, key: "k" }, read)
    assert_equal({ url: URL, key: "k", limit: 5, wait: 0, partitions: %w[0 2], timeout: 9, give_up_after: 60 },
                 read(FEED_URL: "#{URL}\n", FEED_KEY: " k\n", FEED_LIMIT: "5", FEED_WAIT: "0", FEED_PARTITIONS: "0, 2",
                      FEED_TIMEOUT: "9", FEED_GIVE_UP_AFTER: "60"))
    assert_equal({ url: URL, key: "k" }, read(FEED_LIMIT: "", FEED_PARTITIONS: " "))
  end

  def test_names_all_that_is_missing_or_malformed_on_one_line
    error = assert_raises(Hubfront::InvalidSettings) { Hubfront::FeedOptions.from_environment({}) }
    assert_equal "FEED_URL is not set; FEED_KEY is not set", error.message
    {
      FEED_URL: ["localhost:7071", "ftp://h/x", "http://", "http:///x", "https://h", "https://h/", "http://a b/x", "no",
                 "https://u:secret@h/x", "#{URL}?code=secret", "http://h:port/x", "\xff"],
      FEED_KEY: [" ", "a b", "k\r\nX: y", "schlüssel", "\xff"],
      FEED_LIMIT: ["0", "10001", "x", "1.5", "1e3", "0x10", "-1"], FEED_WAIT: ["61", "-1", "s"],
      FEED_PARTITIONS: [",", "0,", "a", "0;1", "0,-1"], FEED_TIMEOUT: ["0", "-1", "x"], FEED_GIVE_UP_AFTER: ["-1", "x"]
    }.each do |name, values|
      values.each do |value|
        error = assert_raises(Hubfront::InvalidSettings, "#{name} #{value.inspect}") { read(name => value) }
        assert_match(/\A#{name} [^\n;]+\z/, error.message)
        refute_match(/secret/, error.message)
      end
    end
  end
end
