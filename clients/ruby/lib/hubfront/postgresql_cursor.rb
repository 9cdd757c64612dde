# frozen_string_literal: true

require "pg"
require_relative "cursor"

module Hubfront
  # Keeps a cursor in the table +feed_cursors+, in the transaction in which the block stores its messages. So
  # everything that the block writes through the same connection is stored exactly once. Requires the +pg+ gem.
  class PostgresqlCursor
    # @param connection [PG::Connection] the connection that the block uses
    # @param name [String] of the worker; workers that share the feed need different names
    def initialize(connection, name)
      @connection = connection
      @name = name
      # Two workers that start together must not both create the table.
      transaction do
        connection.exec("SELECT pg_advisory_xact_lock(hashtext('feed_cursors'))")
        connection.exec("SET LOCAL client_min_messages = warning")
        connection.exec("CREATE TABLE IF NOT EXISTS feed_cursors (name text PRIMARY KEY, cursor text NOT NULL)")
      end
    end

    # @return [String, nil] nil before the first write
    # @raise [UnusableCursor] when the stored cursor is damaged
    def read
      row = @connection.exec_params("SELECT cursor FROM feed_cursors WHERE name = $1", [@name]).first
      @known = row && row["cursor"]
      @known && Cursor.check(@known, "the cursor #{@name} in the table feed_cursors")
    end

    # @raise [CursorMoved]
    def write(cursor)
      rows = @known ? replace(cursor) : insert(cursor)
      raise CursorMoved, "another worker uses the cursor #{@name}" if rows.cmd_tuples.zero?

      @known = cursor
    end

    def transaction(&block)
      @connection.transaction(&block)
    end

    private

    def replace(cursor)
      @connection.exec_params("UPDATE feed_cursors SET cursor = $3 WHERE name = $1 AND cursor = $2",
                              [@name, @known, cursor])
    end

    def insert(cursor)
      @connection.exec_params("INSERT INTO feed_cursors VALUES ($1, $2) ON CONFLICT DO NOTHING", [@name, cursor])
    end
  end
end
