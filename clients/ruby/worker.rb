#!/usr/bin/env ruby
# frozen_string_literal: true

# Appends each message to a file, as a line of JSON.
#
#   FEED_URL=http://localhost:7071/api/message_feed FEED_KEY=hubfront-worker ruby worker.rb messages.jsonl
#
# The cursor is stored in a file beside it. After a crash the last unsaved batch is written again, so readers must
# deduplicate by (partitionId, sequenceNumber).
require_relative "lib/hubfront"

Hubfront.report_errors do
  path = ARGV.fetch(0, "messages.jsonl")
  options = Hubfront::FeedOptions.from_environment
  feed = Hubfront::MessageFeed.new(cursor_store: Hubfront::CursorFile.new("#{path}.cursor"), **options)
  feed.stop_on_signal

  File.open(path, "a+") do |file|
    # If the worker was killed while writing a line, the file ends with a part of this line. The whole line is written
    # again.
    whole = file.size
    whole -= 1 until whole.zero? || file.pread(1, whole - 1) == "\n"
    file.truncate(whole)

    feed.each_batch do |batch|
      batch.messages.each { |message| file.puts(message.to_json) }
      file.fsync # before the cursor is
    end
  end
end
