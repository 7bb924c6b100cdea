<?php
// A stand-in for the vendor's SDK, which cannot be installed everywhere. A call answers with the very parameters that it was
// made with, so a sample prints what it would send.

#[AllowDynamicProperties]
class Anything
{
    public static $REQ_HTTP = "http://";
    public static $REQ_HTTPS = "https://";

    public function __construct(...$given)
    {
    }

    public function __call($name, $given)
    {
        return end($given);
    }

    public function toJsonString()
    {
        return json_encode($this);
    }
}

spl_autoload_register(fn ($name) => class_alias(Anything::class, $name));
