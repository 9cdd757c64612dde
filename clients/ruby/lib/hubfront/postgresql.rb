# frozen_string_literal: true

require "pg"
require_relative "errors"
require_relative "postgresql_cursor"
require_relative "postgresql_messages"

module Hubfront
  # Connects to the database that DATABASE_URL names.
  module Postgresql
    HOST = %r{\A[A-Za-z0-9._:,/\\-]*\z}.freeze
    private_constant :HOST

    # @param url [String] a connection URL or string of libpq
    # @return [PG::Connection]
    # @raise [InvalidSettings] when it is missing or malformed, or the connection fails. libpq's messages quote the text
    #   that it could not parse, which may be a part of the password; so only a well-formed URL reaches them.
    def self.connect(url)
      raise InvalidSettings, "DATABASE_URL is not set" if url.nil? || url.strip.empty?
      raise InvalidSettings, "DATABASE_URL is malformed: percent-encode special characters" unless well_formed?(url.strip)

      PG.connect(url.strip)
    rescue PG::Error => e
      raise InvalidSettings, "no connection to the database of DATABASE_URL: #{Hubfront.one_line(e.message)}"
    end

    def self.well_formed?(url)
      options = PG::Connection.conninfo_parse(url).to_h { |option| option.values_at(:keyword, :val) }
      options.values_at("host", "hostaddr").compact.all? { |host| host.match?(HOST) } &&
        options["port"].to_s.match?(/\A[\d,]*\z/) && !options["dbname"].to_s.match?(%r{[@/?#]})
    rescue PG::Error
      false
    end
    private_class_method :well_formed?
  end
end
