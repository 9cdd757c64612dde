# frozen_string_literal: true

require "minitest/autorun"
require "hubfront"

class JsonTextTest < Minitest::Test
  def for_jsonb(json) = Hubfront::JsonText.for_jsonb(json)

  def test_replaces_only_what_jsonb_cannot_store
    {
      '{"a":"\u0000"}' => '{"a":"\ufffd"}',
      '{"\u0000":["x\u0000y\u0000"]}' => '{"\ufffd":["x\ufffdy\ufffd"]}',
      '"\\\\u0000"' => '"\\\\u0000"', # a backslash, then text
      '"\\\\\u0000"' => '"\\\\\ufffd"',
      '"\ud83d\ude00"' => '"\ud83d\ude00"',
      '"\uD83D\uDE00\uD83D"' => '"\uD83D\uDE00\ufffd"',
      '"\ud83d\ud83d\ude00\ude00"' => '"\ufffd\ud83d\ude00\ufffd"',
      '"\udc00 \ud800x \ud800\u0041"' => '"\ufffd \ufffdx \ufffd\u0041"',
      "[1e400,-1E-400,1e1]" => "[1e400,-1E-400,1e1]",
      "[1e1001,-1.5E+131071,2e-20000]" => '["1e1001","-1.5E+131071","2e-20000"]',
      "[1e#{"9" * 300}]" => "[\"1e#{"9" * 300}\"]",
      "[#{"7" * 200}]" => "[#{"7" * 200}]",
      "[-0.#{"7" * 2_000},3]" => "[\"-0.#{"7" * 2_000}\",3]",
      '["1e9999 \" 1e9999",1e9999]' => '["1e9999 \" 1e9999","1e9999"]'
    }.each { |json, expected| assert_equal expected, for_jsonb(json) }
  end

  def test_counts_nesting_outside_of_strings
    refute Hubfront::JsonText.too_deep?(JSON.generate("[{" * 500))
    refute Hubfront::JsonText.too_deep?("[#{(["[]"] * 500).join(",")}]")
    refute Hubfront::JsonText.too_deep?("[" * 100 + "]" * 100)
    assert Hubfront::JsonText.too_deep?("[" * 101 + "]" * 101)
  end

  # Each case would take minutes if the regular expressions backtracked.
  def test_reads_hostile_text_once
    hostile = ["\"#{"\\" * 240_000}", "[1e999,\"\"#{",[" * 100_000}", "\\" * 250_000 + "u0000", "1e999#{"1" * 250_000}",
               "\"\\ud800#{"a" * 250_000}", "-" * 250_000 + "1e999", '"\u0000' * 40_000]
    hostile.each { |text| assert_operator for_jsonb(text).length, :>=, text.length }
  end
end
