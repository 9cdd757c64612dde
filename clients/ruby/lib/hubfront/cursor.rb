# frozen_string_literal: true

require_relative "errors"

module Hubfront
  # Checks the form of `after_offset`. The content of a cursor is opaque: the feed verifies its checksum.
  module Cursor
    # The feed's limit for a cursor, which is enough for 1,024 partitions.
    MAX_CHARACTERS = 32_768
    # `next_offset` is base64url. The feed also accepts `@latest`, `-1` and plain offsets.
    FORM = /\A@?[A-Za-z0-9_-]{1,#{MAX_CHARACTERS}}\z/.freeze
    private_constant :FORM

    def self.valid?(text)
      text.is_a?(String) && text.valid_encoding? && text.match?(FORM)
    end

    # @param text [String] as it was stored; surrounding whitespace is ignored
    # @param place [String] names the store in the error
    # @return [String]
    # @raise [UnusableCursor] a damaged cursor must not silently restart the feed from its beginning
    def self.check(text, place)
      cursor = text.dup.force_encoding(Encoding::UTF_8).scrub.strip
      return cursor if valid?(cursor)

      raise UnusableCursor, "#{place} #{fault(text, cursor)}. Restore it, or delete it to read from the beginning."
    end

    def self.fault(text, cursor)
      return "is empty" if text.empty?
      return "holds only whitespace or NUL bytes" if text.delete("\0 \t\r\n").empty?
      return "is longer than #{MAX_CHARACTERS} characters" if cursor.length > MAX_CHARACTERS

      "does not hold a cursor"
    end
    private_class_method :fault
  end
end
