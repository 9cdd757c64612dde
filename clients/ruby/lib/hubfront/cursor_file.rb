# frozen_string_literal: true

require_relative "cursor"

module Hubfront
  # Keeps a cursor in a file. A write replaces the file atomically, and returns when the data is on disk. So neither
  # `kill -9` nor a power failure leaves half a cursor.
  #
  # Any object with +read+ and +write+ can replace it. PostgresqlCursor shares a transaction with the messages.
  class CursorFile
    # @param path [String] in a folder that exists, or a symbolic link to such a path; `<path>.lock` is locked for as
    #   long as the process lives
    # @raise [UnusableCursor] when another process uses the same cursor, or the folder is not writable
    def initialize(path)
      @path = path
      accessing("locked") do
        # A rename would replace a symbolic link, and not the file on the volume that it names.
        @path = File.realdirpath(path)
        @lock = File.open("#{@path}.lock", File::RDWR | File::CREAT, 0o600)
        next if @lock.flock(File::LOCK_EX | File::LOCK_NB)

        raise UnusableCursor, "another worker uses the cursor file #{path}"
      end
    end

    # @return [String, nil] nil before the first write
    # @raise [UnusableCursor] when the file is damaged or cannot be read
    def read
      accessing("read") do
        # Reads at most one byte more than a cursor with a line end can have, so a large file is not read completely.
        text = File.open(@path, "rb") { |file| file.read(Cursor::MAX_CHARACTERS + 3) }
        Cursor.check(text.to_s, "the cursor file #{@path}")
      end
    rescue Errno::ENOENT
      nil
    end

    # @raise [UnusableCursor] when the file cannot be written: its old content is unchanged
    def write(cursor)
      accessing("written") do
        unfinished = "#{@path}.new"
        File.open(unfinished, "w", 0o600) do |file|
          file.write(cursor)
          file.fsync
        end
        File.rename(unfinished, @path)
        File.open(File.dirname(@path), &:fsync)
      end
    end

    private

    def accessing(how)
      yield
    rescue Errno::ENOENT => e
      raise if how == "read"

      fail_with(how, e)
    rescue SystemCallError => e
      fail_with(how, e)
    end

    def fail_with(how, error)
      raise UnusableCursor, "the cursor file #{@path} cannot be #{how}: #{error.message}"
    end
  end
end
