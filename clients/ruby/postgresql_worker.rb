#!/usr/bin/env ruby
# frozen_string_literal: true

# Stores each message as a row of the table +messages+, exactly once: rows and cursor are written in one transaction.
#
#   gem install pg
#   FEED_URL=http://localhost:7071/api/message_feed FEED_KEY=hubfront-worker DATABASE_URL=postgresql:///shop \
#     ruby postgresql_worker.rb
#
#   SELECT message->'body'->'Data'->>'event' FROM messages
#
# The column +line+ contains each message as the feed returned it, because the type jsonb cannot store all JSON.
require_relative "lib/hubfront"
begin
  require_relative "lib/hubfront/postgresql"
rescue LoadError => e
  e.path == "pg" ? abort("#{$PROGRAM_NAME} requires the pg gem: gem install pg") : raise
end

Hubfront.report_errors(PG::Error) do
  options = Hubfront::FeedOptions.from_environment
  database = Hubfront::Postgresql.connect(ENV["DATABASE_URL"])
  messages = Hubfront::PostgresqlMessages.new(database)
  cursor = Hubfront::PostgresqlCursor.new(database, ENV.fetch("WORKER_NAME", "worker"))
  feed = Hubfront::MessageFeed.new(cursor_store: cursor, **options)
  feed.stop_on_signal

  feed.each { |message| messages.insert(message) }
end
