# A stand-in for the vendor's SDK, which cannot be installed everywhere. A call answers with the very parameters that it was
# made with, so a sample prints what it would send.
require "json"

module TencentCloud
  class Anything
    def initialize(*given); end

    def method_missing(name, *given)
      instance_variable_set("@#{name[..-2]}", given.last) if name.end_with?("=")
      given.last
    end

    def serialize
      instance_variables.to_h { |name| [name[1..], plain(instance_variable_get(name))] }
    end

    private

    def plain(value)
      case value
      when Anything then value.serialize
      when Array then value.map { |one| plain(one) }
      else value
      end
    end
  end

  module Common
    Credential = Class.new(Anything)
    ClientProfile = Class.new(Anything)
    HttpProfile = Class.new(Anything)
    TencentCloudSDKException = Class.new(StandardError)
  end

  module Cdb
    module V20170320
      def self.const_missing(name)
        const_set(name, Class.new(Anything))
      end
    end
  end
end
