# frozen_string_literal: true

require "uri"
require_relative "errors"

module Hubfront
  # The options of MessageFeed: their rules, and their environment variables.
  module FeedOptions
    # The variables of worker.rb and postgresql_worker.rb.
    VARIABLES = {
      url: "FEED_URL", key: "FEED_KEY", limit: "FEED_LIMIT", wait: "FEED_WAIT", partitions: "FEED_PARTITIONS",
      timeout: "FEED_TIMEOUT", give_up_after: "FEED_GIVE_UP_AFTER"
    }.freeze
    NUMBERS = %i[limit wait timeout give_up_after].freeze
    private_constant :NUMBERS

    class << self
      # @return [Hash{Symbol => Object}] options for MessageFeed.new
      # @raise [InvalidSettings] names every variable that is missing or malformed, without its value
      def from_environment(environment = ENV)
        options = VARIABLES.to_h { |name, variable| [name, text(environment[variable])] }
        options = options.reject { |name, text| text.nil? || (text.empty? && !%i[url key].include?(name)) }
        options = options.to_h { |name, text| [name, parsed(name, text)] }
        faults = faults({ url: nil, key: nil }.merge(options))
        return options if faults.empty?

        raise InvalidSettings, faults.map { |name, fault| "#{VARIABLES.fetch(name)} #{fault}" }.join("; ")
      end

      # @return [Hash{Symbol => String}] what is wrong, by option; empty when all are valid
      def faults(options)
        options.to_h { |name, value| [name, send(:"#{name}_fault", value)] }.compact
      end

      private

      def text(value)
        value&.dup&.force_encoding(Encoding::UTF_8)&.scrub&.strip
      end

      def parsed(name, text)
        return Integer(text, 10, exception: false) || text if NUMBERS.include?(name)

        name == :partitions ? text.split(",", -1).map(&:strip) : text
      end

      def url_fault(url)
        return "is not set" if url.nil? || url == ""

        uri = URI(url)
        return "must be an http or https URL" unless uri.is_a?(URI::HTTP) && uri.hostname && uri.hostname != ""
        return "must contain no user name" if uri.userinfo
        return "must contain no query: the function key is a setting of its own" if uri.query
        return "must contain the path of the feed, such as /api/message_feed" if ["", "/"].include?(uri.path)
      rescue URI::Error, ArgumentError
        "must be an http or https URL"
      end

      # The key is sent as a header.
      def key_fault(key)
        return "is not set" if key.nil? || key == ""

        "must contain only printable ASCII characters" unless key.is_a?(String) && key.match?(/\A[!-~]+\z/)
      end

      def limit_fault(limit)
        "must be a whole number from 1 to 10000" unless limit.is_a?(Integer) && limit.between?(1, 10_000)
      end

      def wait_fault(wait)
        "must be a whole number of seconds from 0 to 60" unless wait.is_a?(Integer) && wait.between?(0, 60)
      end

      def partitions_fault(partitions)
        return if partitions.nil?
        return if partitions.is_a?(Array) && partitions.any? && partitions.all? { |id| id.to_s.match?(/\A\d{1,4}\z/) }

        "must name partitions by their numbers, such as 0,1"
      end

      def timeout_fault(timeout)
        "must be a positive number of seconds" unless timeout.is_a?(Numeric) && timeout.positive?
      end

      def give_up_after_fault(seconds)
        return if seconds.nil?

        "must be a number of seconds, at least 0" unless seconds.is_a?(Numeric) && !seconds.negative?
      end
    end
  end
end
