# frozen_string_literal: true

require_relative "message"

module Hubfront
  # Messages of one partition that retention removed before they were read: sequence numbers, both inclusive.
  Gap = Struct.new(:partition_id, :from, :to)

  # One answer of the feed.
  class Batch
    # @return [Array<Message>] in order within a partition, merged by enqueued time across partitions
    attr_reader :messages
    # @return [String] the cursor after these messages
    attr_reader :next_offset
    # @return [Array<Gap>] what is lost for good
    attr_reader :gaps
    # @return [Hash{String => String}] partitions that could not be read this time, with the reason; nothing of theirs
    #   is skipped
    attr_reader :incomplete

    # @param answer [String] NDJSON: a message a line, then a line with the state of the feed
    def initialize(answer)
      *messages, state = answer.dup.force_encoding(Encoding::UTF_8).split("\n")
      @messages = messages.map { |line| Message.new(line) }
      state = JSON.parse(state.to_s)
      @next_offset = state.fetch("next_offset")
      @has_more = state["has_more"]
      @reset = state["reset"]
      @gaps = state["gaps"].map { |gap| Gap.new(*gap.values_at("partitionId", "from", "to")) }
      @incomplete = state["incomplete"].to_h { |partition| partition.values_at("partitionId", "code") }
    end

    # Whether there was more to read than this answer holds.
    def has_more? = @has_more == true

    # Whether the cursor was of another hub, or of this one before it was recreated: reading began anew, and sequence
    # numbers begin again.
    def reset? = @reset == true
  end
end
