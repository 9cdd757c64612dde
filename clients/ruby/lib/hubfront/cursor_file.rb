# frozen_string_literal: true

module Hubfront
  # Keeps a cursor in a file. A write replaces the file in one step and is on the disk when it returns, so that neither
  # `kill -9` nor a power cut leaves half a cursor.
  #
  # Anything with +read+ and +write+ can stand in for it; see PostgresqlCursor for one that shares a transaction with the
  # messages.
  class CursorFile
    # @param path [String] its folder must exist; `<path>.lock` is held for as long as the process lives
    # @raise [RuntimeError] when another process uses the same cursor
    def initialize(path)
      @path = path
      @lock = File.open("#{path}.lock", File::RDWR | File::CREAT, 0o600)
      raise "another worker uses the cursor #{path}" unless @lock.flock(File::LOCK_EX | File::LOCK_NB)
    end

    # @return [String, nil] nil before the first write
    def read
      File.read(@path).strip
    rescue Errno::ENOENT
      nil
    end

    def write(cursor)
      unfinished = "#{@path}.new"
      File.open(unfinished, "w", 0o600) do |file|
        file.write(cursor)
        file.fsync
      end
      File.rename(unfinished, @path)
      File.open(File.dirname(@path), &:fsync)
    end
  end
end
