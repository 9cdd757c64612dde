# frozen_string_literal: true

module Hubfront
  # Rewrites JSON text for readers that accept less than JSON's grammar allows (RFC 8259). Valid JSON stays valid.
  module JsonText
    # Ruby's JSON parser refuses deeper nesting by default; PostgreSQL's stack ends at a few thousand levels.
    MAX_NESTING = 100
    # PostgreSQL writes the number 1e131071 with all its digits: a message of 256 KB could expand to gigabytes.
    MAX_DIGITS = 1_000

    REPLACEMENT_CHARACTER = '\ufffd'
    PAIR = /\\u[dD][89abAB]\h\h\\u[dD][c-fC-F]\h\h/.freeze
    # In valid JSON each backslash begins an escape. Matching one escape at a time keeps `\\u0000`, which is an escaped
    # backslash followed by text.
    ESCAPE = /#{PAIR}|\\(?:u\h{4}|.)/m.freeze
    LONE_SURROGATE = /\A\\u[dD][89a-fA-F]\h\h\z/.freeze
    LONE_SURROGATE_OR_NUL = /\A\\u(?:0000|[dD][89a-fA-F]\h\h)\z/.freeze
    TOKEN = /"(?:[^"\\]++|\\.)*+"|-?\d[\d.eE+-]*+|[\[\]{}]/m.freeze
    # A fast check for text that may have to be rewritten.
    SUSPECT = /\\u(?:0000|[dD][89a-fA-F])|\d[eE][+-]?\d{3}|[\d.]{400}/.freeze
    private_constant :PAIR, :ESCAPE, :LONE_SURROGATE, :LONE_SURROGATE_OR_NUL, :TOKEN, :SUSPECT

    class << self
      def lone_surrogates?(json)
        json.match?(/\\u[dD][89a-fA-F]/) && json.scan(ESCAPE).any? { |escape| escape.match?(LONE_SURROGATE) }
      end

      # Ruby's parser turns half a surrogate pair into an invalid string, or into another character.
      def without_lone_surrogates(json)
        replace_escapes(json, LONE_SURROGATE)
      end

      # Whether arrays and objects are nested deeper than MAX_NESTING.
      def too_deep?(json)
        return false if json.count("[{") <= MAX_NESTING

        depth = deepest = 0
        json.scan(TOKEN) do |token|
          case token
          when "[", "{" then deepest = [deepest, depth += 1].max
          when "]", "}" then depth -= 1
          end
        end
        deepest > MAX_NESTING
      end

      # JSON that PostgreSQL's type +jsonb+ accepts: NUL and half surrogate pairs, which it cannot store, become U+FFFD;
      # numbers of more than MAX_DIGITS digits become strings of the same text.
      def for_jsonb(json)
        return json unless json.match?(SUSPECT)

        json.gsub(TOKEN) do |token|
          case token[0]
          when '"' then replace_escapes(token, LONE_SURROGATE_OR_NUL)
          when "-", "0".."9" then digits(token) > MAX_DIGITS ? %("#{token}") : token
          else token
          end
        end
      end

      private

      def replace_escapes(json, replaced)
        return json unless json.include?('\u')

        json.gsub(ESCAPE) { |escape| escape.match?(replaced) ? REPLACEMENT_CHARACTER : escape }
      end

      # Number of digits if the number is written without an exponent.
      def digits(number)
        mantissa, exponent = number.split(/e/i)
        mantissa.length + exponent.to_i.abs
      end
    end
  end
end
