# frozen_string_literal: true

require "logger"
require_relative "feed_client"
require_relative "feed_options"
require_relative "patience"

module Hubfront
  # Reads every message of a hub, from all of its partitions, with one cursor. The cursor is saved after the block has
  # processed a whole batch, so each message is delivered at least once: after a crash the last unsaved batch is repeated.
  #
  #   feed = Hubfront::MessageFeed.new(**Hubfront::FeedOptions.from_environment,
  #                                    cursor_store: Hubfront::CursorFile.new("feed.cursor"))
  #   feed.stop_on_signal
  #   feed.each { |message| puts message.body }
  class MessageFeed
    # Minimum pause between two requests without new messages, also if +wait+ is 0.
    SHORTEST_POLL_SECONDS = 1

    # @param url [String] of the feed, `https://<app>/api/message_feed`
    # @param key [String] function key
    # @param cursor_store [#read, #write] such as CursorFile; if it has a method +transaction+, the block and the write
    #   of the cursor run in it
    # @param limit [Integer] messages in a batch, 1 to 10,000
    # @param wait [Integer] seconds, 0 to 60, that the feed waits for a first message
    # @param partitions [Array, nil] ids of the partitions to read, nil for all; several workers can share a feed, each
    #   with its own partitions and cursor
    # @param timeout [Numeric] seconds, in addition to +wait+, until the last byte of a response: enough for a cold
    #   start, and for 8 MB over a slow connection
    # @param give_up_after [Numeric, nil] seconds without a complete page after which +each+ raises Unavailable;
    #   nil: no limit
    # @param logger [Logger] each failure is a warning
    # @raise [ArgumentError] names the invalid options
    def initialize(url:, key:, cursor_store:, limit: 1_000, wait: 30, partitions: nil, timeout: 90,
                   give_up_after: nil, logger: Logger.new($stderr))
      options = { url: url, key: key, limit: limit, wait: wait, partitions: partitions, timeout: timeout,
                  give_up_after: give_up_after }
      faults = FeedOptions.faults(options)
      raise ArgumentError, faults.map { |name, fault| "#{name} #{fault}" }.join("; ") unless faults.empty?

      query = { limit: limit, wait: wait, partitions: partitions&.join(",") }.compact
      @client = FeedClient.new(URI(url), key, query, wait + timeout)
      @cursor_store = cursor_store
      @give_up_after = give_up_after
      @logger = logger
      @on_gap = ->(gap) { logger.warn("lost to retention: partition #{gap.partition_id}, #{gap.from} to #{gap.to}") }
      @on_reset = -> { logger.warn("the hub was recreated, or is another one: reading from its beginning") }
    end

    # Calls the block with each Gap before the messages that follow it, instead of logging it.
    def on_gap(&block)
      @on_gap = block
    end

    # Calls the block when reading restarted from the beginning (see Batch#reset?), instead of logging it.
    def on_reset(&block)
      @on_reset = block
    end

    # Yields each Message until the feed is stopped. An error that the block raises ends the loop and leaves the cursor
    # unchanged.
    # @raise [Refused, Unavailable, UnusableCursor]
    def each
      return enum_for(:each) unless block_given?

      each_batch { |batch| batch.messages.each { |message| yield message } }
    end

    # Yields each Batch, then saves the cursor. Batches without messages are yielded as well, when no message arrived
    # within +wait+. To end after everything has been read, call +stop+ unless the batch has more.
    # @raise [Refused, Unavailable, UnusableCursor]
    def each_batch
      return enum_for(:each_batch) unless block_given?

      until_stopped do
        @cursor = @cursor_store.read
        loop do
          batch = next_batch
          in_transaction do
            report(batch)
            yield batch
            @cursor_store.write(batch.next_offset) if batch.next_offset != @cursor
          end
          @cursor = batch.next_offset
        end
      end
    end

    # Ends the loop: immediately if it is waiting, otherwise after the current batch is processed and its cursor saved.
    # May be called from the block, another thread or a signal handler.
    def stop
      @stopping = true
      @thread&.raise(Stopped)
    end

    # Stops cleanly on SIGTERM and Ctrl-C.
    def stop_on_signal(*signals)
      signals = %w[TERM INT] if signals.empty?
      signals.each { |signal| trap(signal) { stop } }
    end

    # Interrupts a wait, but not the block.
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
        @client.disconnect
      end
    end

    # Polls until a page arrives, with growing pauses.
    def next_batch
      patience = Patience.new(@give_up_after)
      loop do
        batch = interruptible { poll }
        # If no partition could be read, the page has no messages, and polling again immediately would not help.
        return batch unless batch.incomplete.any? && batch.messages.empty? && batch.gaps.empty? && !batch.reset?

        interruptible { sleep(patience.pause_after("no partition could be read: #{batch.incomplete}")) }
      rescue FeedClient::Failure => e
        @logger.warn("#{e.message}; retrying")
        interruptible { sleep(patience.pause_after(e.message, status: e.status, retry_after: e.retry_after)) }
      end
    end

    # +stop+ can interrupt only the code in this block.
    def interruptible(&block)
      Thread.handle_interrupt(Stopped => :immediate, &block)
    end

    def poll
      started = Process.clock_gettime(Process::CLOCK_MONOTONIC)
      batch = @client.poll(@cursor)
      @logger.warn("could not be read this time: #{batch.incomplete}") if batch.incomplete.any?
      idle(started) if batch.messages.empty? && batch.incomplete.empty?
      batch
    end

    def idle(started)
      passed = Process.clock_gettime(Process::CLOCK_MONOTONIC) - started
      sleep(SHORTEST_POLL_SECONDS - passed) if passed < SHORTEST_POLL_SECONDS
    end

    def report(batch)
      @on_reset.call if batch.reset?
      batch.gaps.each { |gap| @on_gap.call(gap) }
    end

    def in_transaction(&block)
      @cursor_store.respond_to?(:transaction) ? @cursor_store.transaction(&block) : yield
    end
  end
end
