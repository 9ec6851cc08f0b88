// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Errors in the words of providers: what a gateway has to recognise. One row for each dialect and kind that has words of its own; a
 * kind without a row is told in the words of the fault. What a row's code and type mean depends on the dialect's form (bodies.c).
 *
 * In words: {model}, {limit}, {used}, {requested}, {unit} requests or tokens, {per} minute, {short} RPM, {wait} 1m26.4s, {seconds} 86.4,
 * {whole} 87.
 *
 * dialect, kind, status (0 = the fault's), code, type, words
 */
#define FAKE_ERROR_TABLE(X)                                                                        \
    X(OPENAI, BAD, 0, "", "invalid_request_error", "Invalid request")                              \
    X(OPENAI, CLIENT, 0, "invalid_type", "invalid_request_error",                                  \
      "Invalid type for 'messages': expected an array of objects")                                 \
    X(OPENAI, CONTEXT, 0, "context_length_exceeded", "invalid_request_error",                      \
      "This model's maximum context length is 8192 tokens")                                        \
    X(OPENAI, KEY, 0, "invalid_api_key", "invalid_request_error", "Incorrect API key provided")    \
    X(OPENAI, CREDIT, 429, "insufficient_quota", "insufficient_quota",                             \
      "You exceeded your current quota, please check your plan and billing details")               \
    X(OPENAI, GONE, 0, "model_not_found", "invalid_request_error",                                 \
      "The model `{model}` does not exist or you do not have access to it")                        \
    X(OPENAI, RATE, 0, "rate_limit_exceeded", "{unit}",                                            \
      "Rate limit reached for {model} on {unit} per {per} ({short}): Limit {limit}, Used {used}, " \
      "Requested {requested}. Please try again in {wait}.")                                        \
    X(OPENAI, DAY, 0, "rate_limit_exceeded", "{unit}",                                             \
      "Rate limit reached for {model} on {unit} per {per} ({short}): Limit {limit}, Used {used}, " \
      "Requested {requested}. Please try again in {wait}.")                                        \
    X(OPENAI, SERVER, 0, "", "server_error", "The server had an error while processing it")        \
    X(OPENAI, OVERLOADED, 0, "", "server_error", "The engine is currently overloaded")             \
    X(GROQ, CONTEXT, 0, "context_length_exceeded", "invalid_request_error",                        \
      "Please reduce the length of the messages or completion.")                                   \
    X(GROQ, KEY, 0, "invalid_api_key", "invalid_request_error", "Invalid API Key")                 \
    X(GROQ, GONE, 0, "model_not_found", "invalid_request_error",                                   \
      "The model `{model}` does not exist or you do not have access to it.")                       \
    X(GROQ, TOO_LARGE, 413, "rate_limit_exceeded", "{unit}",                                       \
      "Request too large for model `{model}` in organization `org_mock` service tier `on_demand` " \
      "on {unit} per {per} ({short}): Limit {limit}, Requested {requested}, please reduce your "   \
      "message size and try again.")                                                               \
    X(GROQ, RATE, 429, "rate_limit_exceeded", "{unit}",                                            \
      "Rate limit reached for model `{model}` in organization `org_mock` service tier "            \
      "`on_demand` on {unit} per {per} ({short}): Limit {limit}, Used {used}, Requested "          \
      "{requested}. Please try again in {wait}.")                                                  \
    X(GROQ, DAY, 429, "rate_limit_exceeded", "{unit}",                                             \
      "Rate limit reached for model `{model}` in organization `org_mock` service tier "            \
      "`on_demand` on {unit} per {per} ({short}): Limit {limit}, Used {used}, Requested "          \
      "{requested}. Please try again in {wait}.")                                                  \
    X(GROQ, CREDIT, 400, "blocked_api_access", "invalid_request_error",                            \
      "API access has been blocked: spend limit reached")                                          \
    X(GROQ, OVERLOADED, 0, "", "internal_server_error", "Service unavailable, over capacity")      \
    X(GOOGLE, BAD, 0, "INVALID_ARGUMENT", "",                                                      \
      "Invalid JSON payload received. Unknown name \"x\": Cannot find field.")                     \
    X(GOOGLE, CLIENT, 0, "INVALID_ARGUMENT", "", "Please ensure that contents are not empty.")     \
    X(GOOGLE, CONTEXT, 400, "INVALID_ARGUMENT", "",                                                \
      "The input token count ({requested}) exceeds the maximum number of tokens allowed (8192).")  \
    X(GOOGLE, KEY, 400, "INVALID_ARGUMENT", "API_KEY_INVALID",                                     \
      "API key not valid. Please pass a valid API key.")                                           \
    X(GOOGLE, FORBIDDEN, 403, "PERMISSION_DENIED", "", "Permission denied on this project.")       \
    X(GOOGLE, GONE, 404, "NOT_FOUND", "",                                                          \
      "models/{model} is not found for API version v1main, or is not supported")                   \
    X(GOOGLE, TOO_LARGE, 429, "RESOURCE_EXHAUSTED", "",                                            \
      "You exceeded your current quota. * Quota exceeded for metric: {unit}, limit: {limit}")      \
    X(GOOGLE, RATE, 429, "RESOURCE_EXHAUSTED", "",                                                 \
      "You exceeded your current quota. * Quota exceeded for metric: {unit}, limit: {limit}, "     \
      "model: {model}\nPlease retry in {seconds}s.")                                               \
    X(GOOGLE, DAY, 429, "RESOURCE_EXHAUSTED", "",                                                  \
      "You exceeded your current quota. * Quota exceeded for metric: {unit}, limit: {limit}, "     \
      "model: {model}\nPlease retry in {seconds}s.")                                               \
    X(GOOGLE, CREDIT, 429, "RESOURCE_EXHAUSTED", "",                                               \
      "You exceeded your current quota, please check your plan. limit: 0, model: {model}")         \
    X(GOOGLE, SERVER, 0, "INTERNAL", "", "An internal error has occurred.")                        \
    X(GOOGLE, OVERLOADED, 503, "UNAVAILABLE", "",                                                  \
      "This model is currently experiencing high demand. Please try again later.")                 \
    X(GOOGLE, REGION, 400, "FAILED_PRECONDITION", "",                                              \
      "User location is not supported for the API use.")                                           \
    X(OPENROUTER, KEY, 401, "", "", "User not found.")                                             \
    X(OPENROUTER, CREDIT, 402, "", "openrouter_credits",                                           \
      "Insufficient credits. Add more to continue.")                                               \
    X(OPENROUTER, GONE, 404, "", "", "No endpoints found for {model}.")                            \
    X(OPENROUTER, RATE, 429, "", "", "Rate limit exceeded: free-models-per-min. ")                 \
    X(OPENROUTER, DAY, 429, "", "", "Rate limit exceeded: free-models-per-day. ")                  \
    X(OPENROUTER, OVERLOADED, 429, "", "provider",                                                 \
      "Provider returned error: {model} is temporarily rate-limited upstream")                     \
    X(OPENROUTER, SERVER, 502, "", "provider", "Provider returned error")                          \
    X(MISTRAL, BAD, 422, "extra_forbidden", "detail_list", "Extra inputs are not permitted")       \
    X(MISTRAL, KEY, 401, "", "detail", "Unauthorized")                                             \
    X(MISTRAL, GONE, 400, "1500", "invalid_model", "Invalid model: {model}")                       \
    X(MISTRAL, RATE, 429, "1300", "rate_limited", "Rate limit exceeded")                           \
    X(MISTRAL, DAY, 429, "1300", "rate_limited", "Rate limit exceeded")                            \
    X(MISTRAL, SERVER, 0, "1000", "unavailable", "Service unavailable.")                           \
    X(MISTRAL, OVERLOADED, 0, "1000", "unavailable", "Service unavailable.")                       \
    X(CLOUDFLARE, KEY, 401, "10000", "", "Authentication error")                                   \
    X(CLOUDFLARE, GONE, 400, "7000", "", "No route for that URI")                                  \
    X(CLOUDFLARE, BAD, 400, "5025", "", "This model doesn't support JSON Schema.")                 \
    X(CLOUDFLARE, CONTEXT, 400, "5021", "",                                                        \
      "The estimated number of input and maximum output tokens exceeded this model context")       \
    X(CLOUDFLARE, DAY, 429, "4006", "",                                                            \
      "you have used up your daily free allocation of 10,000 neurons")                             \
    X(CLOUDFLARE, RATE, 429, "3040", "", "Capacity temporarily exceeded, please try again.")       \
    X(CLOUDFLARE, OVERLOADED, 429, "3040", "", "Capacity temporarily exceeded, please try again.") \
    X(CLOUDFLARE, FORBIDDEN, 403, "5018", "", "This model requires Workers Paid")                  \
    X(COHERE, KEY, 401, "", "", "invalid api token")                                               \
    X(COHERE, GONE, 404, "", "", "model '{model}' not found")                                      \
    X(COHERE, RATE, 429, "", "",                                                                   \
      "You are using a Trial key, which is limited to {limit} API calls / minute.")                \
    X(COHERE, DAY, 429, "", "",                                                                    \
      "You are using a Trial key, which is limited to {limit} API calls / month.")                 \
    X(NVIDIA, KEY, 401, "Unauthorized", "", "Authentication failed")                               \
    X(NVIDIA, GONE, 404, "Not Found", "", "Function '{model}': Not found for account 'mock'")      \
    X(NVIDIA, RATE, 429, "Too Many Requests", "", "Too Many Requests")                             \
    X(NVIDIA, DAY, 429, "Too Many Requests", "", "Too Many Requests")                              \
    X(NVIDIA, OVERLOADED, 400, "Bad Request", "",                                                  \
      "Function id 'mock': DEGRADED function cannot be invoked")                                   \
    X(ZAI, KEY, 401, "1000", "", "Authentication failed")                                          \
    X(ZAI, CREDIT, 429, "1113", "", "Insufficient balance or no resource package.")                \
    X(ZAI, GONE, 400, "1211", "", "Unknown model, please check the model code.")                   \
    X(ZAI, CONTEXT, 400, "1261", "", "Prompt exceeds max length")                                  \
    X(ZAI, RATE, 429, "1303", "", "The API is called too frequently")                              \
    X(ZAI, DAY, 429, "1308", "",                                                                   \
      "Usage limit reached for {limit} {unit}. Your limit will reset in {whole} seconds")          \
    X(ZAI, OVERLOADED, 429, "1305", "", "The service may be temporarily overloaded")               \
    X(OLLAMA, KEY, 401, "", "", "unauthorized")                                                    \
    X(OLLAMA, FORBIDDEN, 403, "", "", "this model requires a subscription")                        \
    X(OLLAMA, GONE, 404, "", "", "model '{model}' not found")                                      \
    X(OLLAMA, RATE, 429, "", "", "you (mock) have reached your hourly usage limit")                \
    X(OLLAMA, DAY, 429, "", "", "you (mock) have reached your weekly usage limit")                 \
    X(HUGGINGFACE, KEY, 401, "", "", "Invalid credentials in Authorization header")                \
    X(HUGGINGFACE, CREDIT, 402, "", "",                                                            \
      "You have exceeded your monthly included credits for Inference Providers.")                  \
    X(HUGGINGFACE, DAY, 402, "", "",                                                               \
      "You have exceeded your monthly included credits for Inference Providers.")                  \
    X(HUGGINGFACE, GONE, 400, "", "", "The requested model '{model}' does not exist")              \
    X(OPENCODE, KEY, 401, "", "AuthError", "Invalid API key.")                                     \
    X(OPENCODE, CREDIT, 401, "", "CreditsError", "Insufficient balance.")                          \
    X(OPENCODE, GONE, 401, "", "ModelError", "Model {model} is not supported")                     \
    X(OPENCODE, RATE, 429, "", "FreeUsageLimitError",                                              \
      "Rate limit exceeded. Please try again later.")                                              \
    X(OPENCODE, DAY, 429, "", "FreeUsageLimitError",                                               \
      "Rate limit exceeded. Please try again later.")                                              \
    X(SILICONFLOW, KEY, 401, "20012", "", "Invalid token")                                         \
    X(SILICONFLOW, CREDIT, 403, "30001", "", "Sorry, your account balance is insufficient")        \
    X(SILICONFLOW, FORBIDDEN, 403, "30003", "", "This model needs real name verification")         \
    X(SILICONFLOW, GONE, 400, "20012", "", "Model does not exist. Please check it carefully.")     \
    X(SILICONFLOW, RATE, 429, "50603", "", "Request was rejected due to rate limiting.")           \
    X(SILICONFLOW, OVERLOADED, 503, "50505", "", "Model service overloaded.")                      \
    X(CEREBRAS, KEY, 401, "wrong_api_key", "invalid_request_error", "Wrong API Key")               \
    X(CEREBRAS, CREDIT, 402, "", "", "Payment required")                                           \
    X(CEREBRAS, GONE, 404, "model_not_found", "not_found_error",                                   \
      "Model {model} does not exist or you do not have access to it.")                             \
    X(CEREBRAS, CONTEXT, 400, "context_length_exceeded", "invalid_request_error",                  \
      "Please reduce the length of the messages or completion.")                                   \
    X(CEREBRAS, RATE, 429, "request_quota_exceeded", "too_many_requests_error",                    \
      "{Unit} per {per} limit exceeded - too many {unit} sent.")                                   \
    X(CEREBRAS, DAY, 429, "request_quota_exceeded", "too_many_requests_error",                     \
      "{Unit} per {per} limit exceeded - too many {unit} sent.")                                   \
    X(CEREBRAS, OVERLOADED, 429, "queue_exceeded", "too_many_requests_error",                      \
      "We're experiencing high traffic right now! Please try again soon.")                         \
    X(ANTHROPIC, BAD, 0, "", "invalid_request_error", "invalid request")                           \
    X(ANTHROPIC, CLIENT, 0, "", "invalid_request_error", "messages: Input should be a valid list") \
    X(ANTHROPIC, CONTEXT, 400, "", "invalid_request_error",                                        \
      "prompt is too long: {requested} tokens > 8192 maximum")                                     \
    X(ANTHROPIC, KEY, 401, "", "authentication_error", "invalid x-api-key")                        \
    X(ANTHROPIC, CREDIT, 400, "", "invalid_request_error", "Your credit balance is too low")       \
    X(ANTHROPIC, FORBIDDEN, 403, "", "permission_error", "not allowed")                            \
    X(ANTHROPIC, GONE, 404, "", "not_found_error", "model: {model}")                               \
    X(ANTHROPIC, TOO_LARGE, 413, "", "request_too_large", "Request exceeds the maximum size")      \
    X(ANTHROPIC, RATE, 429, "", "rate_limit_error",                                                \
      "This request would exceed your organization's rate limit of {limit} {unit} per {per}")      \
    X(ANTHROPIC, DAY, 429, "", "rate_limit_error",                                                 \
      "This request would exceed your organization's rate limit of {limit} {unit} per {per}")      \
    X(ANTHROPIC, SERVER, 500, "", "api_error", "Internal server error")                            \
    X(ANTHROPIC, OVERLOADED, 529, "", "overloaded_error", "Overloaded")                            \
    X(LLAMACPP, CONTEXT, 400, "", "exceed_context_size_error",                                     \
      "the request exceeds the available context size. try increasing the context size")           \
    X(LLAMACPP, OVERLOADED, 503, "", "unavailable_error", "Loading model")                         \
    X(LLAMACPP, KEY, 401, "", "authentication_error", "Invalid API Key")
