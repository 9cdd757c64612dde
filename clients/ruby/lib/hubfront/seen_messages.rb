# frozen_string_literal: true

module Hubfront
  # Deduplicates messages by (partition id, sequence number). The messages of a partition arrive in order, so the
  # highest number per partition is enough.
  #
  #   seen = Hubfront::SeenMessages.new
  #   feed.on_reset { seen.clear }
  #   feed.each { |message| book(message) if seen.add?(message) }
  class SeenMessages
    # @return [Hash{String => Integer}] the highest sequence number by partition id; store it with your results
    attr_reader :highest

    def initialize(highest = {})
      @highest = highest.dup
    end

    # @return [Boolean] true for a new message, which is then recorded; false for a repeated one
    def add?(message)
      highest = @highest[message.partition_id]
      return false if highest && message.sequence_number <= highest

      @highest[message.partition_id] = message.sequence_number
      true
    end

    # Sequence numbers start again when a hub is recreated.
    def clear
      @highest.clear
    end
  end
end
