# frozen_string_literal: true

Gem::Specification.new do |spec|
  spec.name = "hubfront"
  spec.version = "0.1.0"
  spec.summary = "Reads the messages of an Azure IoT hub through Hubfront, over plain HTTP"
  spec.description = "One cursor over all partitions, saved after your work is done: no message is lost or skipped. " \
                     "Standard library only; exactly once with PostgreSQL."
  spec.authors = ["Hubfront"]
  spec.license = "MIT"
  spec.files = Dir["lib/**/*.rb", "*worker.rb", "README.md", "LICENSE", base: __dir__]
  spec.required_ruby_version = ">= 3.0"
  spec.metadata = { "rubygems_mfa_required" => "true" }
end
