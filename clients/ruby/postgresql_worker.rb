#!/usr/bin/env ruby
# frozen_string_literal: true

# Stores each message as a row of the table +messages+, exactly once: rows and cursor are written in one transaction.
#
#   gem install pg
#   FEED_URL=http://localhost:7071/api/message_feed FEED_KEY=hubfront-worker DATABASE_URL=postgresql:///shop \
#     ruby postgresql_worker.rb
require_relative "lib/hubfront"
require_relative "lib/hubfront/postgresql_cursor"

database = PG.connect(ENV.fetch("DATABASE_URL"))
database.exec("SET client_min_messages = warning")
database.exec(<<~SQL)
  CREATE TABLE IF NOT EXISTS messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partition_id text NOT NULL,
    sequence_number bigint NOT NULL,
    enqueued_at timestamptz NOT NULL,
    device_id text,
    message text NOT NULL -- as the feed gives it: (message::jsonb)->'body'
  )
SQL

feed = Hubfront::MessageFeed.new(
  url: ENV.fetch("FEED_URL"),
  key: ENV.fetch("FEED_KEY"),
  cursor_store: Hubfront::PostgresqlCursor.new(database, ENV.fetch("WORKER_NAME", "worker")),
  limit: ENV.fetch("FEED_LIMIT", 1_000).to_i,
  partitions: ENV["FEED_PARTITIONS"]&.split(",")
)
feed.stop_on_signal

feed.each do |message|
  database.exec_params(
    "INSERT INTO messages (partition_id, sequence_number, enqueued_at, device_id, message) VALUES ($1, $2, $3, $4, $5)",
    [message.partition_id, message.sequence_number, message.enqueued_time.iso8601(3), message.device_id,
     message.to_json]
  )
end
