# frozen_string_literal: true

require "json"
require "socket"

# A feed that returns scripted responses over a real socket: for responses that a healthy app rarely gives. Each entry of
# the script is [status, headers, body], nil to hang up, or a block that writes to the socket; the last one repeats.
class ScriptedFeed
  attr_reader :requests

  def initialize(*script)
    @script = script
    @requests = Queue.new
    @server = TCPServer.new("127.0.0.1", 0)
    @thread = Thread.new { loop { serve(@server.accept) } }
    @thread.report_on_exception = false
  end

  def url = "http://127.0.0.1:#{@server.addr[1]}/api/message_feed"

  def close
    @thread.kill
    @server.close
  end

  # A response of the feed.
  def self.page(cursor, *messages, **state)
    state = { next_offset: cursor, has_more: false, gaps: [], incomplete: [] }.merge(state)
    [200, {}, [*messages, state].map { |line| line.is_a?(String) ? line : JSON.generate(line) }.join("\n") + "\n"]
  end

  # An error response of the app.
  def self.problem(status, body, headers = {})
    [status, { "Content-Type" => "application/problem+json", **headers }, body]
  end

  def self.message(partition, number, body = { "n" => number })
    { partitionId: partition, offset: number.to_s, sequenceNumber: number, enqueuedTimeUtc: "2026-01-02T03:04:05.678Z",
      deviceId: "d", messageId: "m-#{number}", contentType: "application/json", properties: { "a" => "b" },
      systemProperties: {}, body: body }
  end

  private

  def serve(socket)
    request = socket.gets or return
    headers = {}
    while (line = socket.gets&.chomp) && !line.empty?
      name, value = line.split(": ", 2)
      headers[name.downcase] = value
    end
    @requests << [request.split[1], headers]
    respond(socket, @script.size > 1 ? @script.shift : @script.first)
  rescue SystemCallError
    nil # the client hung up
  ensure
    socket.close
  end

  def respond(socket, scripted)
    return unless scripted
    return scripted.call(socket) if scripted.is_a?(Proc)

    status, headers, body = scripted
    head = { "Content-Length" => body.bytesize, "Connection" => "close" }.merge(headers)
    socket.write("HTTP/1.1 #{status} x\r\n#{head.map { |pair| pair.join(": ") }.join("\r\n")}\r\n\r\n#{body}")
  end
end
