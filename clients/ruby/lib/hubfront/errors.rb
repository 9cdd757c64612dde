# frozen_string_literal: true

module Hubfront
  # An error that ends a worker. The message is one line that says what to do. It contains no key.
  class Error < RuntimeError; end

  # The feed rejected the request permanently, with a code, for example because of a malformed cursor or an unknown
  # partition. Another cause is that the platform rejected the function key for longer than an app needs to start.
  class Refused < Error
    # @return [Integer] HTTP status
    attr_reader :status
    # @return [String, nil] stable code of the problem details
    attr_reader :code

    def initialize(status, code, message)
      @status = status
      @code = code
      super(message)
    end
  end

  # The feed returned no complete page within +give_up_after+.
  class Unavailable < Error; end

  # The stored cursor is damaged, or cannot be read or written.
  class UnusableCursor < Error; end

  # Another worker has moved the cursor since this one read it. The batch is rolled back.
  class CursorMoved < Error; end

  # An environment variable is missing or malformed.
  class InvalidSettings < Error; end

  # Runs a worker. An expected failure ends the process with one line on standard error and exit code 1; any other
  # error is a bug of the program and keeps its stack trace.
  #
  #   Hubfront.report_errors { feed.each { |message| … } }
  #
  # @param classes [Array<Class>] further failures that the worker expects, such as PG::Error
  def self.report_errors(*classes)
    yield
  rescue Error, SystemCallError, *classes => e
    abort "#{File.basename($PROGRAM_NAME)}: #{one_line(e.message)}"
  end

  # Converts text of unknown origin to one line for a log.
  def self.one_line(text, limit = 300)
    text.to_s.dup.force_encoding(Encoding::UTF_8).scrub("?").gsub(/[[:cntrl:]]+/, " ").strip[0, limit]
  end
end
