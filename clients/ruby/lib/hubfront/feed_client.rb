# frozen_string_literal: true

require "json"
require "net/http"
require "openssl"
require "time"
require "timeout"
require "uri"
require "zlib"
require_relative "batch"
require_relative "errors"

module Hubfront
  # Sends one request to the feed and interprets the response.
  class FeedClient
    # A failed request that may succeed if it is repeated.
    class Failure < StandardError
      # @return [Integer, nil] HTTP status, nil without a response
      attr_reader :status
      # @return [Float, nil] seconds to wait, from Retry-After
      attr_reader :retry_after

      def initialize(message, status: nil, retry_after: nil)
        @status = status
        @retry_after = retry_after
        super(message)
      end
    end

    OPEN_SECONDS = 15
    # The feed returns at most 8,000,000 bytes, or one message of 256 KB, whose JSON form is at most six times as
    # large.
    MAX_PAGE_BYTES = 32 * 1024 * 1024
    MAX_PROBLEM_BYTES = 64 * 1024
    # Upper limit for Retry-After, so that a faulty server cannot stop a worker for days.
    MAX_RETRY_AFTER_SECONDS = 3600
    # Statuses after which the request is repeated even if the app itself returned them.
    REPEATABLE = [408, 425, 429].freeze
    # Codes of the app's problem details, such as `invalid_cursor`.
    CODE = /\A[a-z]+(?:_[a-z]+)*\z/.freeze
    PROBLEM_TYPE = %r{\Aapplication/problem\+json\s*(?:;|\z)}i.freeze
    NETWORK_ERRORS = [SystemCallError, SocketError, IOError, Timeout::Error, OpenSSL::SSL::SSLError,
                      Net::HTTPBadResponse, Net::HTTPHeaderSyntaxError, Net::ProtocolError, Zlib::Error].freeze
    HINTS = {
      401 => "the function key is wrong, or the app is starting",
      403 => "the app is stopped, starting or not open to this address",
      404 => "the URL is wrong, or the app is starting"
    }.freeze
    private_constant :REPEATABLE, :CODE, :PROBLEM_TYPE, :NETWORK_ERRORS, :HINTS

    # @param uri [URI::HTTP] of the feed
    # @param query [Hash] parameters of each request
    # @param seconds [Numeric] maximum time until the last byte of the response
    def initialize(uri, key, query, seconds)
      @uri = uri
      @key = key
      @query = query
      @seconds = seconds
    end

    # @param cursor [String, nil]
    # @return [Batch]
    # @raise [Failure] when it may be repeated: no response, throttling, or a response that the app did not write. While
    #   an app starts or is deployed, the platform itself returns 404, 403 and 503 without a code.
    # @raise [Refused] when the app rejects the request with a code
    def poll(cursor)
      response, body = request(cursor)
      return Batch.new(body) if response.is_a?(Net::HTTPOK)

      reject(response, body)
    rescue IncompletePage => e
      disconnect
      raise Failure.new("the feed returned 200, but #{e.message}#{origin(response)}", status: 200)
    end

    def disconnect
      @http&.finish if @http&.started?
    rescue IOError
      nil
    ensure
      @http = nil
    end

    private

    def request(cursor)
      Timeout.timeout(@seconds) do
        body = +""
        response = connection.request(Net::HTTP::Get.new(address(cursor), headers)) do |head|
          read_body(head, body)
        end
        [response, body]
      end
    rescue URI::Error
      # Net::HTTP reads the proxy from the environment.
      raise InvalidSettings, "http_proxy or https_proxy is not a URL"
    rescue *NETWORK_ERRORS => e
      disconnect
      raise Failure, "no response from the feed: #{Hubfront.one_line("#{e.class}: #{e.message}")}"
    rescue Failure
      disconnect
      raise
    end

    # Net::HTTP inflates while it reads, so the limit also applies to the inflated body.
    def read_body(head, body)
      limit = head.is_a?(Net::HTTPOK) ? MAX_PAGE_BYTES : MAX_PROBLEM_BYTES
      head.read_body do |part|
        body << part
        next if body.bytesize <= limit

        raise Failure.new("the feed returned #{head.code} with more than #{limit} bytes", status: head.code.to_i)
      end
    end

    def reject(response, body)
      status = response.code.to_i
      code, detail = problem(response, body)
      description = ["the feed returned #{status}", code, detail || hint(response)].compact.reject(&:empty?).join(", ")
      if code && status.between?(400, 499) && !REPEATABLE.include?(status)
        raise Refused.new(status, code, description)
      end

      raise Failure.new(description, status: status, retry_after: seconds(response["Retry-After"]))
    end

    # @return [Array(String, String)] code and detail, if the app wrote them; otherwise []. Gateways return JSON with a
    #   code as well, but not as problem details.
    def problem(response, body)
      return [] unless response["Content-Type"].to_s.match?(PROBLEM_TYPE)

      problem = JSON.parse(body.dup.force_encoding(Encoding::UTF_8).scrub)
      code = problem["code"] if problem.is_a?(Hash)
      return [] unless code.is_a?(String) && code.match?(CODE)

      [code, problem["detail"].is_a?(String) ? Hubfront.one_line(problem["detail"]) : nil]
    rescue JSON::ParserError
      []
    end

    # The probable cause of a response that the app did not write.
    def hint(response)
      case response
      when Net::HTTPRedirection then "a redirection#{" to #{host(response)}" if host(response)}: check the URL"
      else [HINTS[response.code.to_i], origin(response)&.strip].compact.join(" ")
      end
    end

    def origin(response)
      type = response && response["Content-Type"]
      " (#{Hubfront.one_line(type, 80)})" if type
    end

    def host(response)
      URI(response["Location"].to_s).host
    rescue URI::Error
      nil
    end

    # Retry-After in either form, seconds or a date (RFC 9110).
    def seconds(retry_after)
      return unless retry_after

      asked = retry_after.match?(/\A\d+\z/) ? retry_after.to_i : Time.httpdate(retry_after) - Time.now
      asked.clamp(0, MAX_RETRY_AFTER_SECONDS)
    rescue ArgumentError
      nil
    end

    def address(cursor)
      query = cursor ? @query.merge(after_offset: cursor) : @query
      "#{@uri.path}?#{URI.encode_www_form(query)}"
    end

    def headers
      { "X-Functions-Key" => @key, "Accept" => "application/x-ndjson" }
    end

    def connection
      return @http if @http&.started?

      @http = Net::HTTP.new(@uri.hostname, @uri.port)
      @http.use_ssl = @uri.scheme == "https"
      @http.open_timeout = OPEN_SECONDS
      @http.read_timeout = @seconds
      @http.max_retries = 0
      @http.start
    end
  end
end
