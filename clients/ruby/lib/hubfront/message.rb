# frozen_string_literal: true

require "json"
require "time"

module Hubfront
  # A device-to-cloud message, as the feed gives it.
  class Message
    # @return [Hash] the feed's JSON, with its names
    attr_reader :to_h

    # @param line [String] of the feed
    def initialize(line)
      @line = line
      @to_h = parse(line)
    end

    def partition_id = @to_h["partitionId"]
    def sequence_number = @to_h["sequenceNumber"]
    def offset = @to_h["offset"]

    # The sender that IoT Hub authenticated, whatever the body claims.
    def device_id = @to_h["deviceId"]
    def message_id = @to_h["messageId"]
    def content_type = @to_h["contentType"]

    # Application properties, by name.
    def properties = @to_h["properties"]

    # What the device sent; for web pages `{"deviceId" => …, "Data" => …}`. A String where it is no JSON,
    # `{"base64" => …}` where it is no text. JSON that Ruby's parser refuses (half a surrogate pair, nesting beyond a
    # hundred) comes as the text it is: no device can stop a worker with one message.
    def body = @to_h["body"]

    # @return [Time] when the hub took the message, UTC
    def enqueued_time = Time.iso8601(@to_h["enqueuedTimeUtc"])

    # The very line of the feed, JSON: nothing in it is rounded or written anew.
    def to_json(*) = @line

    private

    def parse(line)
      JSON.parse(line)
    rescue JSON::ParserError
      envelope_with_text(line) or raise
    end

    # The body comes last, so what stands before it is an object once it is closed.
    def envelope_with_text(line)
      at = -1
      while (at = line.index(',"body":', at + 1))
        envelope = parsed_or_nil("#{line[0...at]}}")
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
