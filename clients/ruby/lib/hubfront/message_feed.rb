# frozen_string_literal: true

require "json"
require "logger"
require "net/http"
require "openssl"
require "time"
require "uri"
require "zlib"
require_relative "batch"

module Hubfront
  # The feed refused the request for good: a wrong key, a malformed cursor, an unknown partition.
  class Refused < StandardError
    # @return [Integer] HTTP status
    attr_reader :status
    # @return [String, nil] the stable code of the problem details
    attr_reader :code

    def initialize(status, problem)
      @status = status
      @code = problem["code"]
      super("the feed answered #{[status, @code, problem["detail"]].compact.join(", ")}")
    end
  end

  # Pulls every message of a hub, from all of its partitions, with one cursor. The cursor is saved after the block has
  # taken a whole batch, so each message is given at least once: after a crash the last unsaved batch comes again.
  #
  #   feed = Hubfront::MessageFeed.new(url: "https://app.example/api/message_feed", key: ENV.fetch("FEED_KEY"),
  #                                    cursor_store: Hubfront::CursorFile.new("feed.cursor"))
  #   feed.stop_on_signal
  #   feed.each { |message| puts message.body }
  class MessageFeed
    FIRST_PAUSE_SECONDS = 1
    LONGEST_PAUSE_SECONDS = 60
    # Beyond the wait: a cold start and 8 MB on a slow line.
    ANSWER_SECONDS = 60
    OPEN_SECONDS = 15
    RETRIED_STATUSES = [408, 425, 429, 500, 502, 503, 504].freeze
    NETWORK_ERRORS = [SystemCallError, SocketError, IOError, Timeout::Error, OpenSSL::SSL::SSLError,
                      Net::HTTPBadResponse, Net::ProtocolError, Zlib::Error, JSON::ParserError].freeze

    # @param url [String] of the feed, `https://<app>/api/message_feed`
    # @param key [String] function key
    # @param cursor_store [#read, #write] such as CursorFile; with a +transaction+ of its own, the block and the cursor
    #   are written in it
    # @param limit [Integer] messages in a batch, 1 to 10,000
    # @param wait [Integer] seconds, 0 to 60, that an answer waits for its first message
    # @param partitions [Array, nil] ids of those to read; several workers share a feed with partitions and a cursor each
    # @param logger [Logger]
    def initialize(url:, key:, cursor_store:, limit: 1_000, wait: 30, partitions: nil, logger: Logger.new($stderr))
      @uri = URI(url)
      raise ArgumentError, "url must be http or https" unless @uri.is_a?(URI::HTTP) && @uri.host

      @key = key
      @cursor_store = cursor_store
      @wait = wait
      @query = { limit: limit, wait: wait, partitions: partitions&.join(",") }.compact
      @logger = logger
      @on_gap = ->(gap) { logger.warn("lost to retention: partition #{gap.partition_id}, #{gap.from} to #{gap.to}") }
      @on_reset = -> { logger.warn("the hub was recreated, or is another one: reading from its beginning") }
    end

    # Calls the block with each Gap before the messages that follow it, instead of logging it.
    def on_gap(&block)
      @on_gap = block
    end

    # Calls the block when reading began anew (see Batch#reset?), instead of logging it.
    def on_reset(&block)
      @on_reset = block
    end

    # Yields each Message until the feed is stopped. What the block raises ends the loop and leaves the cursor as it was.
    # @raise [Refused]
    def each
      return enum_for(:each) unless block_given?

      each_batch { |batch| batch.messages.each { |message| yield message } }
    end

    # Yields each Batch that has messages, gaps or a reset, then saves the cursor; ends as +each+ does. For a job that is
    # run now and then, call +stop+ in the block once the batch does not have more.
    # @raise [Refused]
    def each_batch
      return enum_for(:each_batch) unless block_given?

      until_stopped do
        @cursor = @cursor_store.read
        loop do
          batch = next_batch
          in_transaction do
            tell(batch)
            yield batch unless batch.messages.empty? && batch.gaps.empty? && !batch.reset?
            @cursor_store.write(batch.next_offset) if batch.next_offset != @cursor
          end
          @cursor = batch.next_offset
        end
      end
    end

    # Ends the loop: at once while it waits, else when the batch in hand is done and its cursor saved. May be called from
    # the block, another thread or a signal handler.
    def stop
      @stopping = true
      @thread&.raise(Stopped)
    end

    # Stops cleanly on SIGTERM and Ctrl-C.
    def stop_on_signal(*signals)
      signals = %w[TERM INT] if signals.empty?
      signals.each { |signal| trap(signal) { stop } }
    end

    # Interrupts a wait; never the block.
    class Stopped < Exception; end # rubocop:disable Lint/InheritException
    private_constant :Stopped

    private

    def until_stopped
      Thread.handle_interrupt(Stopped => :never) do
        @thread = Thread.current
        yield unless @stopping
      rescue Stopped
        nil
      ensure
        @thread = nil
        @stopping = false
        disconnect
      end
    end

    # Asks until there is an answer, with pauses that grow.
    def next_batch
      failures = 0
      loop do
        batch, retry_after = interruptible { ask }
        # A batch of partitions that could not be read is no reason to ask again at once.
        return batch if batch && (batch.incomplete.empty? || batch.messages.any?)

        failures += 1
        interruptible { sleep(pause(failures, retry_after)) }
      end
    end

    # Where, and only where, +stop+ may interrupt.
    def interruptible(&block)
      Thread.handle_interrupt(Stopped => :immediate, &block)
    end

    # @return [Array(Batch)] or [Array(nil, Float)] with the seconds that the server asks to wait
    # @raise [Refused]
    def ask
      asked = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      response = connection.request(Net::HTTP::Get.new(address, headers))
      return refuse(response) unless response.is_a?(Net::HTTPOK)

      batch = Batch.new(response.body)
      @logger.warn("could not be read this time: #{batch.incomplete}") if batch.incomplete.any?
      idle(asked) if batch.messages.empty? && batch.incomplete.empty?
      [batch]
    rescue *NETWORK_ERRORS => e
      disconnect
      @logger.warn("no answer from the feed: #{e.class}: #{e.message}")
      [nil, nil]
    end

    # Whatever +wait+ is, a feed with nothing new is asked no oftener than once a second.
    def idle(asked)
      passed = Process.clock_gettime(Process::CLOCK_MONOTONIC) - asked
      sleep(FIRST_PAUSE_SECONDS - passed) if passed < FIRST_PAUSE_SECONDS
    end

    def refuse(response)
      problem = problem_of(response)
      status = response.code.to_i
      raise Refused.new(status, problem) unless RETRIED_STATUSES.include?(status)

      @logger.warn("the feed answered #{[status, problem["code"]].compact.join(", ")}")
      [nil, seconds(response["Retry-After"])]
    end

    def problem_of(response)
      problem = JSON.parse(response.body.to_s)
      problem.is_a?(Hash) ? problem : {}
    rescue JSON::ParserError
      {}
    end

    # Retry-After in either form, seconds or a date (RFC 9110).
    def seconds(retry_after)
      return unless retry_after

      retry_after.match?(/\A\d+\z/) ? retry_after.to_i : Time.httpdate(retry_after) - Time.now
    rescue ArgumentError
      nil
    end

    # Full jitter, but never sooner than the server asks.
    def pause(failures, retry_after)
      longest = [FIRST_PAUSE_SECONDS * (2**[failures, 16].min), LONGEST_PAUSE_SECONDS].min
      [rand * longest, retry_after.to_f].max + rand * 0.1
    end

    def tell(batch)
      @on_reset.call if batch.reset?
      batch.gaps.each { |gap| @on_gap.call(gap) }
    end

    def in_transaction(&block)
      @cursor_store.respond_to?(:transaction) ? @cursor_store.transaction(&block) : yield
    end

    def address
      query = @cursor ? @query.merge(after_offset: @cursor) : @query
      "#{@uri.path}?#{URI.encode_www_form(query)}"
    end

    def headers
      { "X-Functions-Key" => @key, "Accept" => "application/x-ndjson" }
    end

    def connection
      return @http if @http&.started?

      @http = Net::HTTP.new(@uri.host, @uri.port)
      @http.use_ssl = @uri.scheme == "https"
      @http.open_timeout = OPEN_SECONDS
      @http.read_timeout = @wait + ANSWER_SECONDS
      @http.max_retries = 0
      @http.start
    end

    def disconnect
      @http&.finish if @http&.started?
    rescue IOError
      nil
    ensure
      @http = nil
    end
  end
end
