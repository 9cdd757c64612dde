# frozen_string_literal: true

module Hubfront
  # Tells a repeated message from a new one by (partition id, sequence number). A partition's messages come in order, so
  # its highest number is all there is to remember.
  #
  #   seen = Hubfront::SeenMessages.new
  #   feed.on_reset { seen.clear }
  #   feed.each { |message| book(message) if seen.add?(message) }
  class SeenMessages
    # @return [Hash{String => Integer}] the highest sequence number by partition id, to be kept where the work is kept
    attr_reader :highest

    def initialize(highest = {})
      @highest = highest.dup
    end

    # @return [Boolean] true for a new message, which counts as seen from now on; false for a repeated one
    def add?(message)
      highest = @highest[message.partition_id]
      return false if highest && message.sequence_number <= highest

      @highest[message.partition_id] = message.sequence_number
      true
    end

    # Sequence numbers begin again when a hub is recreated.
    def clear
      @highest.clear
    end
  end
end
