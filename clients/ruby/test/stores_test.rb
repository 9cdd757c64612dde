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
      assert_raises(Hubfront::UnusableCursor) { Hubfront::CursorFile.new("#{folder}/cursor") }
      assert kept
    end
  end

  DAMAGED = {
    "an empty file" => "", "NUL bytes" => "\0" * 4096, "whitespace" => " \n\t\r\n", "NUL bytes and a line end" => "\0\0\n",
    "a NUL byte within" => "AQMx\0abc", "prose" => "the cursor", "HTML" => "<html></html>", "JSON" => '{"next_offset":"AQ"}',
    "two lines" => "AQMx\nAQMy", "a byte order mark" => "\xEF\xBB\xBFAQMx", "UTF-16" => "A\0Q\0M\0",
    "bytes" => "\xff\xfe\x80", "a padded base64" => "AQMx==", "a file of another kind" => "A" * 5_000_000
  }.freeze

  def test_a_damaged_cursor_file_is_an_error_that_names_it
    DAMAGED.each do |name, content|
      in_cursor_file(content) do |file, path|
        error = assert_raises(Hubfront::UnusableCursor, name) { file.read }
        assert_match(/\Athe cursor file #{path} .*delete it to read from the beginning/, error.message, name)
        assert_operator error.message.length, :<, 300
      end
    end
  end

  def test_a_cursor_written_by_hand_is_read
    ["AQMx_-9", "AQMx\n", " AQMx\r\n", "584", "-1", "@latest", "0"].each do |content|
      in_cursor_file(content) { |file| assert_equal content.strip, file.read }
    end
  end

  def test_a_cursor_that_cannot_be_read_or_written_is_an_error_that_names_it
    Dir.mktmpdir do |folder|
      Dir.mkdir("#{folder}/a")
      assert_match(%r{/a cannot be read: }, failure { Hubfront::CursorFile.new("#{folder}/a").read })
      Dir.mkdir("#{folder}/b.new")
      assert_match(%r{/b cannot be written: }, failure { Hubfront::CursorFile.new("#{folder}/b").write("c1") })
      assert_match(%r{/no/c cannot be locked: }, failure { Hubfront::CursorFile.new("#{folder}/no/c") })
    end
  end

  def test_a_symbolic_link_stays_and_the_file_behind_it_is_written
    Dir.mktmpdir do |folder|
      Dir.mkdir("#{folder}/volume")
      File.symlink("volume/cursor", "#{folder}/cursor")
      file = Hubfront::CursorFile.new("#{folder}/cursor")
      assert_nil file.read
      file.write("c1")
      assert File.symlink?("#{folder}/cursor")
      assert_equal "c1", File.read("#{folder}/volume/cursor")
      assert_match(/another worker/, failure { Hubfront::CursorFile.new("#{folder}/volume/cursor") })
    end
  end

  # Otherwise a worker would read from the beginning whenever its volume is not mounted.
  def test_a_symbolic_link_to_a_missing_folder_is_an_error
    Dir.mktmpdir do |folder|
      File.symlink("#{folder}/volume/cursor", "#{folder}/cursor")
      assert_match(%r{/cursor cannot be locked: }, failure { Hubfront::CursorFile.new("#{folder}/cursor") })
    end
  end

  def in_cursor_file(content)
    Dir.mktmpdir do |folder|
      File.binwrite("#{folder}/cursor", content)
      yield Hubfront::CursorFile.new("#{folder}/cursor"), "#{folder}/cursor"
      assert_equal content.b, File.binread("#{folder}/cursor")
    end
  end

  def failure(&block) = assert_raises(Hubfront::UnusableCursor, &block).message

  def test_seen_messages_tell_repeats_by_partition_and_number
    seen = Hubfront::SeenMessages.new({ "1" => 5 })
    came = [["0", 1], ["1", 5], ["0", 1], ["1", 6], ["0", 2], ["0", 1]].map { |pair| Numbered.new(*pair) }
    assert_equal [true, false, false, true, true, false], (came.map { |message| seen.add?(message) })
    assert_equal({ "0" => 2, "1" => 6 }, seen.highest)
    seen.clear
    assert seen.add?(Numbered.new("0", 1))
  end
end
