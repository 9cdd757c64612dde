# frozen_string_literal: true

require_relative "errors"

module Hubfront
  # Chooses the pauses between the failed requests of one poll, and ends the poll when they take too long.
  class Patience
    FIRST_PAUSE_SECONDS = 1
    LONGEST_PAUSE_SECONDS = 60
    # The platform rejects a wrong function key with an empty 401. An app whose keys are not loaded yet may do the same
    # for some seconds. After that time, only the operator can help.
    UNAUTHORIZED_SECONDS = 20
    LONGEST_UNAUTHORIZED_PAUSE_SECONDS = 4

    # @param give_up_after [Numeric, nil] seconds
    def initialize(give_up_after)
      @give_up_after = give_up_after
      @started = now
      @failures = 0
    end

    # @param reason [String] of the failure, one line
    # @return [Float] seconds to wait before the next request: full jitter, but at least as long as Retry-After
    # @raise [Refused] when the platform has rejected the key for UNAUTHORIZED_SECONDS
    # @raise [Unavailable] when +give_up_after+ has passed
    def pause_after(reason, status: nil, retry_after: nil)
      @failures += 1
      # A lost connection does not tell whether the key is valid.
      @unauthorized_since = status == 401 ? @unauthorized_since || now : nil if status
      raise Refused.new(401, nil, reason) if status == 401 && rest <= 0
      raise Unavailable, "gave up after #{@give_up_after} s: #{reason}" if rest <= 0

      [[rand * longest, retry_after.to_f].max + rand * 0.1, rest].min
    end

    private

    def longest
      limit = @unauthorized_since ? LONGEST_UNAUTHORIZED_PAUSE_SECONDS : LONGEST_PAUSE_SECONDS
      [FIRST_PAUSE_SECONDS * (2**[@failures, 16].min), limit].min
    end

    # Seconds until the first of the two limits.
    def rest
      [
        @give_up_after && @started + @give_up_after,
        @unauthorized_since && @unauthorized_since + UNAUTHORIZED_SECONDS
      ].compact.min&.-(now) || Float::INFINITY
    end

    def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  end
end
