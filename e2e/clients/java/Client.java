import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.tencentcloudapi.cdb.v20170320.CdbClient;
import com.tencentcloudapi.common.AbstractModel;
import com.tencentcloudapi.common.CommonClient;
import com.tencentcloudapi.common.CommonRequest;
import com.tencentcloudapi.common.Credential;
import com.tencentcloudapi.common.exception.TencentCloudSDKException;
import com.tencentcloudapi.common.profile.ClientProfile;
import com.tencentcloudapi.common.profile.HttpProfile;
import com.tencentcloudapi.common.profile.Language;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Calls cdb through the Java SDK. Protocol: ../README.md. */
public final class Client {
    private static final String VERSION = "2017-03-20";
    private static final String MODELS = "com.tencentcloudapi.cdb.v20170320.models.";

    private record Order(String endpoint, List<Call> calls) {}

    private record Call(
            String id,
            String action,
            JsonObject params,
            String region,
            String signature,
            String method,
            String secret_id,
            String secret_key,
            String language,
            boolean generic,
            int repeat) {}

    public static void main(String[] arguments) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        Order order = read();
        for (Call call : order.calls()) {
            JsonObject line = new JsonObject();
            line.addProperty("id", call.id());
            try {
                line.add("response", ask(order.endpoint(), call));
            } catch (TencentCloudSDKException refused) {
                line.add("error", refusal(refused));
            }
            out.println(line);
        }
    }

    private static JsonElement ask(String endpoint, Call call) throws Exception {
        Credential who = new Credential(call.secret_id(), call.secret_key());
        ClientProfile profile = profile(endpoint, call);
        JsonElement response = null;
        if (call.generic()) {
            CommonClient client = new CommonClient("cdb", VERSION, who, call.region(), profile);
            for (int i = 0; i < Math.max(1, call.repeat()); i++) {
                response = byName(client, call);
            }
        } else {
            CdbClient client = new CdbClient(who, call.region(), profile);
            for (int i = 0; i < Math.max(1, call.repeat()); i++) {
                response = byModel(client, call);
            }
        }
        return response;
    }

    private static JsonElement byName(CommonClient client, Call call) throws TencentCloudSDKException {
        String answer = client.commonRequest(new CommonRequest(call.params().toString()), call.action());
        return JsonParser.parseString(answer).getAsJsonObject().get("Response");
    }

    private static JsonElement byModel(CdbClient client, Call call) throws Exception {
        Class<?> model = Class.forName(MODELS + call.action() + "Request");
        Object request = AbstractModel.fromJsonString(call.params().toString(), model);
        try {
            Object response = CdbClient.class.getMethod(call.action(), model).invoke(client, request);
            return JsonParser.parseString(AbstractModel.toJsonString((AbstractModel) response));
        } catch (InvocationTargetException wrapped) {
            throw (Exception) wrapped.getCause();
        }
    }

    private static ClientProfile profile(String endpoint, Call call) {
        HttpProfile http = new HttpProfile();
        http.setProtocol(HttpProfile.REQ_HTTP);
        http.setEndpoint(endpoint);
        http.setReqMethod(call.method());
        ClientProfile profile = new ClientProfile(call.signature(), http);
        if (call.language() != null) {
            profile.setLanguage(call.language().equals("zh-CN") ? Language.ZH_CN : Language.EN_US);
        }
        return profile;
    }

    private static JsonObject refusal(TencentCloudSDKException refused) {
        JsonObject error = new JsonObject();
        error.addProperty("type", refused.getClass().getSimpleName());
        error.addProperty("code", refused.getErrorCode());
        error.addProperty("message", refused.getMessage());
        error.addProperty("request_id", refused.getRequestId());
        return error;
    }

    private static Order read() {
        InputStreamReader in = new InputStreamReader(System.in, StandardCharsets.UTF_8);
        JsonObject order = JsonParser.parseReader(in).getAsJsonObject();
        List<Call> calls = new ArrayList<>();
        order.getAsJsonArray("calls").forEach(call -> calls.add(call(call.getAsJsonObject())));
        return new Order(order.get("endpoint").getAsString(), calls);
    }

    /** By hand, because the Gson that the SDK brings does not know records. */
    private static Call call(JsonObject call) {
        return new Call(
                text(call, "id"),
                text(call, "action"),
                call.getAsJsonObject("params"),
                text(call, "region"),
                text(call, "signature"),
                text(call, "method"),
                text(call, "secret_id"),
                text(call, "secret_key"),
                text(call, "language"),
                call.has("generic") && call.get("generic").getAsBoolean(),
                call.has("repeat") ? call.get("repeat").getAsInt() : 1);
    }

    private static String text(JsonObject call, String name) {
        return call.has(name) ? call.get(name).getAsString() : null;
    }
}
