# frozen_string_literal: true

require "json"
require "pg"
require_relative "errors"
require_relative "json_text"
require_relative "message"

module Hubfront
  # Stores messages in the table +messages+: +message+ is +jsonb+ and always readable, +line+ is the feed's line,
  # unchanged. JSON may contain what +jsonb+ cannot store, and any visitor can send it; see JsonText.for_jsonb.
  class PostgresqlMessages
    COLUMNS = <<~SQL
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      partition_id text NOT NULL,
      sequence_number bigint NOT NULL,
      enqueued_at timestamptz NOT NULL,
      device_id text,
      message jsonb NOT NULL,
      line text NOT NULL
    SQL
    # A temporary function that converts a line to jsonb. If PostgreSQL rejects the line, it is stored as a JSON
    # string, so that one message cannot stop the worker. The function exists only in this session.
    READABLE = <<~SQL
      CREATE OR REPLACE FUNCTION pg_temp.readable(json text, line text) RETURNS jsonb LANGUAGE plpgsql AS $$
      BEGIN
        RETURN json::jsonb;
      EXCEPTION WHEN others THEN
        RETURN to_jsonb(line);
      END
      $$
    SQL
    INSERT = <<~SQL
      INSERT INTO messages (partition_id, sequence_number, enqueued_at, device_id, message, line)
      VALUES ($1, $2, $3, $4, pg_temp.readable($5, $6), $6)
    SQL
    CONVERTED_AT_ONCE = 1_000
    private_constant :COLUMNS, :READABLE, :INSERT, :CONVERTED_AT_ONCE

    # Creates the table, or adds the column +line+ to a table of version 0.1.0, whose +message+ was text.
    #
    # @param connection [PG::Connection] the connection of the PostgresqlCursor
    # @raise [InvalidSettings] if the encoding of the database is not UTF8
    def initialize(connection)
      @connection = connection
      encoding = connection.parameter_status("server_encoding")
      raise InvalidSettings, "the database has the encoding #{encoding}, but must have UTF8" unless encoding == "UTF8"

      connection.set_client_encoding("UTF8")
      connection.transaction do
        connection.exec("SELECT pg_advisory_xact_lock(hashtext('messages'))")
        connection.exec("SET LOCAL client_min_messages = warning")
        connection.exec("CREATE TABLE IF NOT EXISTS messages (#{COLUMNS})")
        connection.exec(READABLE)
        convert if text_column?
      end
    end

    # @param message [Message]
    def insert(message)
      @connection.exec_params(INSERT, [message.partition_id, message.sequence_number, message.to_h["enqueuedTimeUtc"],
                                       message.device_id, readable(message), message.to_json])
    end

    private

    def readable(message)
      line = message.to_json
      # If the body is nested too deeply for most readers, it becomes a string, as in Message#body.
      JsonText.for_jsonb(JsonText.too_deep?(line) ? JSON.generate(message.to_h) : line)
    end

    def text_column?
      @connection.exec(<<~SQL).any?
        SELECT FROM pg_attribute
        WHERE attrelid = to_regclass('messages') AND attname = 'message' AND atttypid = 'text'::regtype
      SQL
    end

    def convert
      @connection.exec("ALTER TABLE messages RENAME COLUMN message TO line")
      @connection.exec("ALTER TABLE messages ADD COLUMN message jsonb")
      @connection.exec("DECLARE unconverted NO SCROLL CURSOR FOR SELECT id, line FROM messages")
      while (rows = @connection.exec("FETCH #{CONVERTED_AT_ONCE} FROM unconverted")).any?
        rows.each { |row| convert_row(row) }
      end
      @connection.exec("CLOSE unconverted")
      @connection.exec("ALTER TABLE messages ALTER COLUMN message SET NOT NULL")
    end

    def convert_row(row)
      @connection.exec_params("UPDATE messages SET message = pg_temp.readable($2, $3) WHERE id = $1",
                              [row["id"], readable(Message.new(row["line"])), row["line"]])
    end
  end
end
