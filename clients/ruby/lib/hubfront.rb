# frozen_string_literal: true

# Reads the messages of an IoT hub through Hubfront, over plain HTTP. Standard library only.
require_relative "hubfront/cursor_file"
require_relative "hubfront/errors"
require_relative "hubfront/feed_options"
require_relative "hubfront/message_feed"
require_relative "hubfront/seen_messages"
