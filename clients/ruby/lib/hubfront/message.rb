# frozen_string_literal: true

require "json"
require "time"
require_relative "json_text"

module Hubfront
  # A device-to-cloud message, as the feed returns it.
  class Message
    # @return [Hash] the feed's JSON, with the feed's names
    attr_reader :to_h

    # @param line [String] a line of the feed
    # @raise [JSON::ParserError] when the line is not a message
    def initialize(line)
      @line = line
      @to_h = parse(line)
      raise JSON::ParserError, "the line is not a message" unless message?
    end

    def partition_id = @to_h["partitionId"]
    def sequence_number = @to_h["sequenceNumber"]
    def offset = @to_h["offset"]

    # The sender that IoT Hub authenticated, regardless of the body.
    def device_id = @to_h["deviceId"]
    def message_id = @to_h["messageId"]
    def content_type = @to_h["contentType"]

    # Application properties, by name.
    def properties = @to_h["properties"]

    # What the device sent; for web pages `{"deviceId" => …, "Data" => …}`. A String if it is not JSON, and `{"base64"
    # => …}` if it is not text. JSON that Ruby cannot represent (half a surrogate pair, more than a hundred nested
    # levels) is returned as text, so that no device can stop a worker with one message.
    def body = @to_h["body"]

    # @return [Time] when the hub received the message, UTC
    def enqueued_time = Time.iso8601(@to_h["enqueuedTimeUtc"])

    # The feed's line, unchanged: no number is rounded, no escape rewritten.
    def to_json(*) = @line

    private

    def message?
      @to_h.is_a?(Hash) && @to_h.key?("body") && @to_h["partitionId"].is_a?(String) &&
        @to_h["sequenceNumber"].is_a?(Integer) && @to_h["offset"].is_a?(String) &&
        @to_h["enqueuedTimeUtc"].is_a?(String) && @to_h["properties"].is_a?(Hash)
    end

    def parse(line)
      return with_body_as_text(line) || raise(JSON::ParserError) if JsonText.lone_surrogates?(line)

      JSON.parse(line)
    rescue JSON::ParserError
      with_body_as_text(line) or raise
    end

    # The body is the last member, so the text before it becomes an object when a brace is appended.
    def with_body_as_text(line)
      return unless line.end_with?("}")

      at = -1
      while (at = line.index(',"body":', at + 1))
        envelope = parsed_or_nil("#{JsonText.without_lone_surrogates(line[0...at])}}")
        return envelope.merge("body" => line[(at + 8)...-1]) if envelope
      end
    end

    def parsed_or_nil(json)
      JSON.parse(json)
    rescue JSON::ParserError
      nil
    end
  end
end
