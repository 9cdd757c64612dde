# frozen_string_literal: true

require_relative "cursor"
require_relative "message"

module Hubfront
  # Messages of one partition that retention removed before they were read: sequence numbers, both inclusive.
  Gap = Struct.new(:partition_id, :from, :to)

  # The response is not a complete page of the feed: it was truncated, or an intermediary returned it.
  class IncompletePage < StandardError; end

  # One page of the feed.
  class Batch
    # @return [Array<Message>] in order within a partition, merged by enqueued time across partitions
    attr_reader :messages
    # @return [String] the cursor after these messages
    attr_reader :next_offset
    # @return [Array<Gap>] messages that are permanently lost
    attr_reader :gaps
    # @return [Hash{String => String}] partitions that could not be read this time, with the reason. Their position is
    #   unchanged.
    attr_reader :incomplete

    # @param page [String] NDJSON: one message per line, then a line with the state of the feed
    # @raise [IncompletePage] unless every line has the feed's form: a truncated page must not count as a short one
    def initialize(page)
      text = page.dup.force_encoding(Encoding::UTF_8)
      raise IncompletePage, "it is not UTF-8" unless text.valid_encoding?

      *lines, state = text.split("\n")
      read_state(state)
      @messages = lines.map { |line| Message.new(line) }
    rescue JSON::ParserError
      # The parser's own message would quote the whole page.
      raise IncompletePage, "it is not a complete page of the feed"
    end

    # Whether more messages were waiting when the response was written.
    def has_more? = @has_more

    # Whether the cursor belonged to another hub, or to this hub before it was recreated. Reading restarted from the
    # beginning, and sequence numbers start again.
    def reset? = @reset

    private

    def read_state(line)
      state = JSON.parse(line.to_s)
      raise IncompletePage, "its last line is not the state of the feed" unless state?(state)

      @next_offset = state["next_offset"]
      @has_more = state["has_more"]
      @reset = state["reset"] == true
      @gaps = state["gaps"].map { |gap| Gap.new(*gap.values_at("partitionId", "from", "to")) }
      @incomplete = state["incomplete"].to_h { |partition| partition.values_at("partitionId", "code") }
    end

    # A member `messages` means the feed's JSON format, in which messages are not lines.
    def state?(state)
      state.is_a?(Hash) && !state.key?("messages") && Cursor.valid?(state["next_offset"]) &&
        [true, false].include?(state["has_more"]) &&
        rows?(state["gaps"], "partitionId" => String, "from" => Integer, "to" => Integer) &&
        rows?(state["incomplete"], "partitionId" => String, "code" => String)
    end

    def rows?(rows, types)
      rows.is_a?(Array) && rows.all? do |row|
        row.is_a?(Hash) && types.all? { |name, type| row[name].is_a?(type) }
      end
    end
  end
end
