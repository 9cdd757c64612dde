# frozen_string_literal: true

require "minitest/autorun"
require "tmpdir"
require "hubfront"

class StoresTest < Minitest::Test
  Numbered = Struct.new(:partition_id, :sequence_number)

  def test_a_cursor_file_gives_back_what_was_written_last
    Dir.mktmpdir do |folder|
      file = Hubfront::CursorFile.new("#{folder}/cursor")
      assert_nil file.read
      file.write("c1")
      file.write("c2")
      assert_equal "c2", file.read
      assert_equal %w[cursor cursor.lock], Dir.children(folder).sort
    end
  end

  def test_a_cursor_file_is_one_process_s
    Dir.mktmpdir do |folder|
      kept = Hubfront::CursorFile.new("#{folder}/cursor")
      assert_raises(RuntimeError) { Hubfront::CursorFile.new("#{folder}/cursor") }
      assert kept
    end
  end

  def test_seen_messages_tell_repeats_by_partition_and_number
    seen = Hubfront::SeenMessages.new({ "1" => 5 })
    came = [["0", 1], ["1", 5], ["0", 1], ["1", 6], ["0", 2], ["0", 1]].map { |pair| Numbered.new(*pair) }
    assert_equal [true, false, false, true, true, false], (came.map { |message| seen.add?(message) })
    assert_equal({ "0" => 2, "1" => 6 }, seen.highest)
    seen.clear
    assert seen.add?(Numbered.new("0", 1))
  end
end
