"""Sentences written for these tests in the manner of city plans; what they promise was worked out by hand."""

from __future__ import annotations

import pytest

from citytwin.reader import Commitment, read

HEAD = "清江市绿色低碳发展实施方案（2023—2025年）\n清政发〔2023〕6号\n一、重点任务\n（一）推进实施\n"
END = "2025-12-31"  # what the title promises for whatever names no date of its own

PROMISES = [
    (
        "到2025年，全市数字经济核心产业增加值占地区生产总值比重达到12%。",
        [("numeric", ">=", 12, "%", END)],
    ),
    (
        "到2025年，累计建成绿色工厂80家以上、绿色园区5个、绿色供应链10条。",
        [("numeric", ">=", 80, "家", END), ("numeric", "=", 5, "个", END), ("numeric", "=", 10, "条", END)],
    ),
    (
        "2024年底前，完成县级以上城市黑臭水体排查整治，建立长效管护机制。",
        [("milestone", "done_by", None, None, "2024-12-31"), ("milestone", "done_by", None, None, "2024-12-31")],
    ),
    (
        "城市生活垃圾资源化利用率从45%提高到60%左右。",
        [("numeric", "approx", 60, "%", END)],
    ),
    (
        "力争到2024年底，全市公共领域新增及更新车辆中新能源汽车比例不低于80%。",
        [("numeric", ">=", 80, "%", "2024-12-31")],
    ),
    (
        "“十四五”期间，规模以上工业单位增加值能耗累计下降14.5%，万元工业增加值用水量下降16%。",
        [("numeric", "reduce_by", 14.5, "%", END), ("numeric", "reduce_by", 16, "%", END)],
    ),
    (
        "到2025年，氮氧化物和挥发性有机物排放总量比2020年分别下降10%以上。",
        [("numeric", "reduce_by", 10, "%", END), ("numeric", "reduce_by", 10, "%", END)],
    ),
    (
        "全市新增绿地600公顷，其中公园绿地300公顷，绿道200公里。",
        [("numeric", "=", 6000000, "m2", END), ("numeric", "=", 3000000, "m2", END), ("numeric", "=", 200, "km", END)],
    ),
    (
        "推动重点用能单位节能降碳，力争形成50万吨标准煤以上的节能能力。",
        [("numeric", ">=", 500000, "tce", END)],
    ),
    (
        "截至2022年底，全市建成5G基站1.2万个，光纤入户率达到95%。",
        [],
    ),
    (
        "年用电量500万千瓦时以上的工业企业应当参与电力需求响应。",
        [],
    ),
    (
        "对符合条件的示范项目，按照投资额的20%给予补助，单个项目最高不超过200万元。",
        [],
    ),
    (
        "每个街道至少建设1个综合养老服务中心，社区养老服务设施覆盖率达到100%。",
        [("numeric", ">=", 1, "个", END), ("numeric", "=", 100, "%", END)],
    ),
    (
        "2023年，完成老旧小区改造120个，惠及居民4.5万户；2024年完成150个。",
        [
            ("numeric", "=", 120, "个", "2023-12-31"),
            ("numeric", "=", 45000, "户", "2023-12-31"),
            ("numeric", "=", 150, "个", "2024-12-31"),
        ],
    ),
    (
        "到2025年，煤炭消费比重降至45%以下，天然气消费量达到30亿立方米。",
        [("numeric", "<=", 45, "%", END), ("numeric", ">=", 3000000000, "m3", END)],
    ),
    (
        "到2024年，基本建成覆盖城乡的充换电网络。",
        [("milestone", "done_by", None, None, "2024-12-31")],
    ),
    (
        "推进建设2个千万千瓦级海上风电基地，新增并网容量120万千瓦。",
        [("numeric", "=", 2, "个", END), ("numeric", "=", 1200000, "kW", END)],
    ),
    (
        "实现行政村5G网络全覆盖。",
        [("coverage", "=", 100, "%", END)],
    ),
    (
        "建成区绿化覆盖率、人均公园绿地面积分别达到42%和15平方米。",
        [("numeric", ">=", 42, "%", END), ("numeric", ">=", 15, "m2", END)],
    ),
    (
        "新建220千伏变电站3座，新增变电容量150万千伏安，线路总长80公里。",
        [("numeric", "=", 3, "座", END), ("numeric", "=", 1500000, "kVA", END), ("numeric", "=", 80, "km", END)],
    ),
    (
        "企业开办时间压缩至1个工作日以内。",
        [("numeric", "<=", 1, "工作日", END)],
    ),
    (
        "规上工业企业数字化改造覆盖率达到70%，培育数字化转型标杆企业30家，带动中小企业上云2000家。",
        [("numeric", ">=", 70, "%", END), ("numeric", "=", 30, "家", END), ("numeric", "=", 2000, "家", END)],
    ),
    (
        "到2025年，PM2.5年均浓度控制在30微克/立方米以内，空气质量优良天数比例达到85%以上，基本消除重污染天气。",
        [("numeric", "<=", 30, "μg/m3", END), ("numeric", ">=", 85, "%", END), ("coverage", "approx", 0, "%", END)],
    ),
    (
        "2025年底前，65蒸吨/小时以上燃煤锅炉全部完成超低排放改造。",
        [("coverage", "=", 100, "%", END)],
    ),
    (
        "严格控制新增围填海，禁止新建化工园区。",
        [("ban", "=", 0, None, None)],
    ),
    (
        "森林蓄积量增加到1200万立方米，湿地保护率稳定在55%以上。",
        [("numeric", ">=", 12000000, "m3", END), ("numeric", ">=", 55, "%", END)],
    ),
    (
        "居民人均可支配收入年均增长6.5%左右，城镇调查失业率控制在5.5%以内。",
        [("numeric", "increase_by", 6.5, "%", END), ("numeric", "<=", 5.5, "%", END)],
    ),
    (
        "每千人口拥有3岁以下婴幼儿托位数达到4.5个，人均预期寿命提高1岁。",
        [("numeric", ">=", 4.5, "个", END), ("numeric", "increase_by", 1, "岁", END)],
    ),
    (
        "研究与试验发展经费投入强度达到3.5%，每万人口高价值发明专利拥有量达到20件。",
        [("numeric", ">=", 3.5, "%", END), ("numeric", ">=", 20, "件", END)],
    ),
    (
        "以3个省级开发区为主要载体，打造20条以上重点产业链，形成2个千亿级产业集群。",
        [("numeric", ">=", 20, "条", END), ("numeric", "=", 2, "个", END)],
    ),
    (
        "2023年9月底前制定年度实施计划，11月底前全面启动项目建设。",
        [("milestone", "done_by", None, None, "2023-09-30"), ("milestone", "done_by", None, None, "2023-11-30")],
    ),
    (
        "建立覆盖全市16个区的监测网络，布设传感器5000余个。",
        [("numeric", ">=", 5000, "个", END)],
    ),
    (
        "近三年来，全市累计实施河道整治工程45项，完成投资60亿元。",
        [],
    ),
    (
        "全市机关事业单位用电量、用水量较上年分别下降2%和3%以上。",
        [("numeric", "reduce_by", 2, "%", END), ("numeric", "reduce_by", 3, "%", END)],
    ),
    (
        "到2025年底，建成区海绵城市达标面积占比超过50%，到2030年达到80%以上。",
        [("numeric", ">=", 50, "%", END), ("numeric", ">=", 80, "%", "2030-12-31")],
    ),
    (
        "加大财政支持力度，市级财政每年安排不少于5000万元专项资金。",
        [("numeric", ">=", 50000000, "CNY", END)],
    ),
    (
        "全部取消县级以下高速公路省界收费站，实现一小时通勤圈。",
        [],
    ),
    (
        "港口集装箱海铁联运量年均增长15%以上，达到80万标箱。",
        [("numeric", "increase_by", 15, "%", END), ("numeric", ">=", 800000, "TEU", END)],
    ),
    (
        "改造提升污水处理厂6座，新增处理能力18万吨/日，出水水质达到准Ⅳ类标准。",
        [("numeric", "=", 6, "座", END), ("numeric", "=", 180000, "t/日", END)],
    ),
    (
        "到2024年，力争全市储能装机规模翻一番，突破60万千瓦。",
        [("numeric", "increase_by", 100, "%", "2024-12-31"), ("numeric", ">=", 600000, "kW", "2024-12-31")],
    ),
    (
        "学前三年毛入园率达到98%，公办园在园幼儿占比55%以上，新增公办园学位1.5万个。",
        [("numeric", ">=", 98, "%", END), ("numeric", ">=", 55, "%", END), ("numeric", "=", 15000, "个", END)],
    ),
    (
        "事故起数和死亡人数均下降5%以上，较大事故零发生。",
        [("numeric", "reduce_by", 5, "%", END), ("numeric", "reduce_by", 5, "%", END), ("coverage", "=", 0, "%", END)],
    ),
    (
        "完善三级医院5G急救体系，急救平均反应时间缩短至10分钟以内。",
        [("numeric", "<=", 10, "min", END)],
    ),
    (
        "农业科技进步贡献率由目前的62%提升至66%，主要农作物耕种收综合机械化率达到90%。",
        [("numeric", ">=", 66, "%", END), ("numeric", ">=", 90, "%", END)],
    ),
    (
        "算力规模达到5EFLOPS以上，数据中心平均PUE降至1.25以下。",
        [("numeric", ">=", 5, "EFLOPS", END), ("numeric", "<=", 1.25, "PUE", END)],
    ),
    (
        "支持企业建设10万级床位以下的康养项目。",
        [],
    ),
    (
        "推进老旧管网改造，到2025年城市供水管网漏损率力争控制在8%以内。",
        [("numeric", "<=", 8, "%", END)],
    ),
    (
        "全市可再生能源装机达到100万千瓦，其中：光伏60万千瓦，风电30万千瓦，生物质10万千瓦。",
        [
            ("numeric", ">=", 1000000, "kW", END),
            ("numeric", "=", 600000, "kW", END),
            ("numeric", "=", 300000, "kW", END),
            ("numeric", "=", 100000, "kW", END),
        ],
    ),
    (
        "确保全年粮食播种面积不少于120万亩、产量稳定在60万吨。",
        [("numeric", ">=", 1200000, "mu", END), ("numeric", ">=", 600000, "t", END)],
    ),
    (
        "到2025年，城镇新建建筑中绿色建筑面积占比达到100%，新建超低能耗建筑50万平方米。",
        [("numeric", "=", 100, "%", END), ("numeric", "=", 500000, "m2", END)],
    ),
    (
        "设区市和县城生活污水集中收集率分别较2020年提高8个和5个百分点。",
        [("numeric", "increase_by", 8, "pp", END), ("numeric", "increase_by", 5, "pp", END)],
    ),
    (
        "公交、环卫、邮政等领域新能源车辆占比分别不低于90%、60%、50%。",
        [("numeric", ">=", 90, "%", END), ("numeric", ">=", 60, "%", END), ("numeric", ">=", 50, "%", END)],
    ),
    (
        "每年开展不少于2次应急演练，每两年修订一次应急预案。",
        [("numeric", ">=", 2, "次", END)],
    ),
    (
        "本方案共分5个部分，提出了20项重点任务。",
        [],
    ),
    (
        "2024年6月底前，各县（市、区）要完成方案编制并报市政府备案。",
        [("milestone", "done_by", None, None, "2024-06-30")],
    ),
    (
        "建设3—5个零碳园区试点，形成可复制可推广经验。",
        [("numeric", "=", 3, "个", END)],
    ),
    (
        "重要江河湖泊水功能区水质达标率达到95%，地下水质量V类水比例控制在25%左右。",
        [("numeric", ">=", 95, "%", END), ("numeric", "approx", 25, "%", END)],
    ),
    (
        "全市在役电动汽车充电桩不少于8万个、公共充电站不少于600座，满足20万辆以上电动汽车充电需求。",
        [("numeric", ">=", 80000, "个", END), ("numeric", ">=", 600, "座", END), ("numeric", ">=", 200000, "辆", END)],
    ),
    (
        "到2025年，绿色低碳循环发展的产业体系基本形成，重点领域绿色转型取得明显进展。",
        [("milestone", "done_by", None, None, END)],
    ),
    (
        "坚持政府引导、企业主体，充分发挥市场在资源配置中的决定性作用，形成共建共治共享的良好格局。",
        [],
    ),
    (
        "各区各部门要提高政治站位，建立健全工作机制，形成工作合力，确保各项任务落到实处。",
        [],
    ),
    (
        "2024年，建成市级能耗在线监测平台；2025年，实现与国家平台数据互联互通。",
        [("milestone", "done_by", None, None, "2024-12-31"), ("milestone", "done_by", None, None, END)],
    ),
    (
        "加快推进轨道交通3号线二期建设，2024年底前开通运营。",
        [("milestone", "done_by", None, None, "2024-12-31")],
    ),
    (
        "2023年底前出台《清江市节约用水条例实施细则》，修订《清江市供水管理办法》。",
        [("milestone", "done_by", None, None, "2023-12-31"), ("milestone", "done_by", None, None, "2023-12-31")],
    ),
    (
        "建立“一企一策”服务机制，深入开展“百日攻坚”行动。",
        [],
    ),
    (
        "探索建立碳普惠机制，鼓励居民低碳出行。",
        [],
    ),
    (
        "到2024年底，市、县两级全部建立河湖长制考核体系。",
        [("coverage", "=", 100, "%", "2024-12-31")],
    ),
    (
        "推进城乡供水一体化，实现城乡供水同网同价。",
        [],
    ),
    (
        "本方案自印发之日起施行，有效期至2025年12月31日。",
        [],
    ),
    (
        "按照《国务院关于印发2030年前碳达峰行动方案的通知》（国发〔2021〕23号）要求，结合本市实际，制定本方案。",
        [],
    ),
    (
        "2025年6月底前完成中期评估，并根据评估结果对目标任务进行动态调整。",
        [("milestone", "done_by", None, None, "2025-06-30")],
    ),
    (
        "加强组织领导。成立工作专班，定期调度，每月通报进展情况。",
        [],
    ),
    (
        "全面落实“1+N”政策体系，用好10亿元产业引导基金。",
        [],
    ),
    (
        "2022年，全市万元地区生产总值能耗为0.45吨标准煤，较2020年下降5.2%。",
        [],
    ),
    (
        "依托2家国家级实验室和5家省级重点实验室，开展关键技术攻关。",
        [],
    ),
    (
        "到2024年，建筑面积1万平方米以上的公共建筑全部纳入能耗监测。",
        [("coverage", "=", 100, "%", "2024-12-31")],
    ),
    (
        "2023年，启动清江新城综合管廊二期工程，力争年内完成投资3亿元。",
        [("milestone", "done_by", None, None, "2023-12-31"), ("numeric", "=", 300000000, "CNY", "2023-12-31")],
    ),
    (
        "加快建设北部新城“15分钟社区生活圈”，优化布局4大功能片区。",
        [],
    ),
    (
        "到2025年，公共机构食堂垃圾实现零填埋。",
        [("coverage", "=", 0, "%", END)],
    ),
    (
        "重点推进3项改革：一是完善阶梯水价；二是健全用水权交易；三是推行合同节水。",
        [("numeric", "=", 3, "项", END)],
    ),
    (
        "到2025年，电子政务外网实现市县乡村四级全覆盖，政务数据共享率达到95%，“一件事”集成办理事项达到100项。",
        [("coverage", "=", 100, "%", END), ("numeric", ">=", 95, "%", END), ("numeric", ">=", 100, "项", END)],
    ),
    (
        "实施100个节水项目，年节水量1500万立方米。",
        [("numeric", "=", 100, "个", END), ("numeric", "=", 15000000, "m3", END)],
    ),
    (
        "对超过用水定额20%以上的单位，责令限期整改。",
        [],
    ),
    (
        "2024年底前，城区公交站点覆盖率按500米半径计算达到100%。",
        [("numeric", "=", 100, "%", "2024-12-31")],
    ),
    (
        "力争通过3年时间，使全市单位工业增加值能耗比2022年降低9%。",
        [("numeric", "reduce_by", 9, "%", END)],
    ),
    (
        "万元工业增加值能耗、二氧化碳排放分别较2020年累计下降13%、17%。",
        [("numeric", "reduce_by", 13, "%", END), ("numeric", "reduce_by", 17, "%", END)],
    ),
    (
        "高标准建设3个垃圾焚烧发电厂，新增日处理能力3600吨，基本实现原生垃圾零填埋。",
        [("numeric", "=", 3, "个", END), ("numeric", "=", 3600, "t", END), ("coverage", "approx", 0, "%", END)],
    ),
    (
        "新能源发电装机容量力争突破300万千瓦，占全市电力总装机的比重提高至35%。",
        [("numeric", ">=", 3000000, "kW", END), ("numeric", ">=", 35, "%", END)],
    ),
    (
        "2024年，力争空气优良天数达到310天，PM2.5平均浓度不高于32微克/立方米。",
        [("numeric", ">=", 310, "天", "2024-12-31"), ("numeric", "<=", 32, "μg/m3", "2024-12-31")],
    ),
    (
        "建成智慧灯杆2000根、智慧井盖1.5万个，实现重点路段感知设备全覆盖。",
        [("numeric", "=", 2000, "根", END), ("numeric", "=", 15000, "个", END), ("coverage", "=", 100, "%", END)],
    ),
    (
        "加快绿色建筑发展，2024年起新建民用建筑全部达到绿色建筑基本级，到2025年星级绿色建筑占比30%以上。",
        [("coverage", "=", 100, "%", END), ("numeric", ">=", 30, "%", END)],
    ),
    (
        "推动1000家以上规上企业实施清洁生产审核，培育10家以上绿色供应链管理企业。",
        [("numeric", ">=", 1000, "家", END), ("numeric", ">=", 10, "家", END)],
    ),
    (
        "城市轨道交通运营里程由180公里增加到260公里，公共交通机动化出行分担率提高至50%。",
        [("numeric", ">=", 260, "km", END), ("numeric", ">=", 50, "%", END)],
    ),
    (
        "到2025年底前，完成全部省级以上工业园区“污水零直排区”建设。",
        [("milestone", "done_by", None, None, END)],
    ),
    (
        "2023年11月底前，市有关部门要制定出台配套实施细则。",
        [("milestone", "done_by", None, None, "2023-11-30")],
    ),
    (
        "市、县财政每年统筹不低于2亿元用于农村人居环境整治。",
        [("numeric", ">=", 200000000, "CNY", END)],
    ),
    (
        "确保2024年底前全市所有乡镇污水处理设施建成并稳定运行。",
        [("milestone", "done_by", None, None, "2024-12-31")],
    ),
    (
        "单位国内生产总值建设用地使用面积下降18%，盘活存量建设用地3万亩。",
        [("numeric", "reduce_by", 18, "%", END), ("numeric", "=", 30000, "mu", END)],
    ),
    (
        "完善应急物资储备体系，可保障10万人3天基本生活需求。",
        [("numeric", "=", 100000, "人", END)],
    ),
    (
        "推进“千村示范、万村整治”工程，建设省级示范村50个。",
        [("numeric", "=", 50, "个", END)],
    ),
    (
        "全市消防安全重点单位户籍化管理率达到100%，万人拥有消防站数量提升20%。",
        [("numeric", "=", 100, "%", END), ("numeric", "increase_by", 20, "%", END)],
    ),
    (
        "将用水效率纳入考核，年用水量5万立方米以上的单位计划用水管理率达到100%。",
        [("numeric", "=", 100, "%", END)],
    ),
    (
        "到2024年，集中式饮用水水源地水质达标率保持在100%，农村自来水普及率达到95%以上，水土保持率达到88%。",
        [
            ("numeric", "=", 100, "%", "2024-12-31"),
            ("numeric", ">=", 95, "%", "2024-12-31"),
            ("numeric", ">=", 88, "%", "2024-12-31"),
        ],
    ),
    (
        "与2020年相比，2025年万元GDP用水量下降15%，农田灌溉水有效利用系数提高到0.6以上。",
        [("numeric", "reduce_by", 15, "%", END), ("numeric", ">=", 0.6, "1", END)],
    ),
    (
        "加快补齐短板，新建、改扩建公办幼儿园12所，义务教育学校8所，新增学位2.2万个。",
        [("numeric", "=", 12, "所", END), ("numeric", "=", 8, "所", END), ("numeric", "=", 22000, "个", END)],
    ),
    (
        "开展“百千万”行动，组织100场招聘会，培训10000名技能人才，帮扶1000户困难家庭。",
        [("numeric", "=", 100, "场", END), ("numeric", "=", 10000, "名", END), ("numeric", "=", 1000, "户", END)],
    ),
    (
        "引导城区200平方公里范围内高排放非道路移动机械禁用。",
        [],
    ),
    (
        "到2025年，科技进步贡献率达到65%左右，技术合同成交额超过200亿元，高新技术企业数量实现倍增。",
        [("numeric", "approx", 65, "%", END), ("numeric", ">=", 20000000000, "CNY", END)],
    ),
    (
        "建成区排水管网密度达到12公里/平方公里，雨污合流制区域面积削减50%以上。",
        [("numeric", ">=", 12, "km/km2", END), ("numeric", "reduce_by", 50, "%", END)],
    ),
    (
        "市级以上示范社区占比达到20%，志愿服务时长人均不少于10小时。",
        [("numeric", ">=", 20, "%", END), ("numeric", ">=", 10, "h", END)],
    ),
    (
        "到2025年，第三产业增加值占比达到60%，数字经济规模突破1500亿元，进出口总额年均增长5%。",
        [
            ("numeric", ">=", 60, "%", END),
            ("numeric", ">=", 150000000000, "CNY", END),
            ("numeric", "increase_by", 5, "%", END),
        ],
    ),
    (
        "开展供水管网分区计量，力争将漏损率降到8.5%以下。",
        [("numeric", "<=", 8.5, "%", END)],
    ),
    (
        "2022年底，全市集中供热面积4500万平方米，其中清洁取暖占68%。",
        [],
    ),
    (
        "大力推行以1个主平台、3个分平台为支撑的城市大脑架构。",
        [],
    ),
    (
        "实施重大项目“十百千”工程，安排重大项目80个、总投资600亿元、年度计划投资120亿元。",
        [
            ("numeric", "=", 80, "个", END),
            ("numeric", "=", 60000000000, "CNY", END),
            ("numeric", "=", 12000000000, "CNY", END),
        ],
    ),
    (
        "老旧机动车淘汰1.5万辆，国四及以下重型货车全部退出市场。",
        [("numeric", "=", 15000, "辆", END), ("coverage", "=", 100, "%", END)],
    ),
    (
        "规范共享单车管理，总量控制在8万辆以内，停放秩序达标率90%以上。",
        [("numeric", "<=", 80000, "辆", END), ("numeric", ">=", 90, "%", END)],
    ),
    (
        "到2025年，耕地保有量不低于320万亩，永久基本农田面积保持在280万亩以上，林木覆盖率达24.5%。",
        [
            ("numeric", ">=", 3200000, "mu", END),
            ("numeric", ">=", 2800000, "mu", END),
            ("numeric", ">=", 24.5, "%", END),
        ],
    ),
    (
        "城镇老旧小区改造惠及居民不少于3万户，完成既有多层住宅加装电梯500台。",
        [("numeric", ">=", 30000, "户", END), ("numeric", "=", 500, "台", END)],
    ),
    (
        "每个县（市、区）建成1所以上公办综合性养老机构，护理型床位占比不低于55%。",
        [("numeric", ">=", 1, "所", END), ("numeric", ">=", 55, "%", END)],
    ),
]

# Where the manner of speaking leaves two answers open, the reader's is recorded with its reason.
DECISIONS = [
    # nothing lies above the whole, so 保持100% is equality
    ("政务服务事项网上可办率保持100%。", [("numeric", "=", 100, "%", END)]),
    # a duty that covers all of its cases counts as a promise of 100 %
    ("新建住宅小区停车位应100%建设充电设施。", [("numeric", "=", 100, "%", END)]),
    # 自…起 says when a ban begins, not by when it is reached
    ("自2024年起，全面停止新建燃煤自备电厂。", [("ban", "=", 0, None, None)]),
]


def commitments(sentence: str) -> list[Commitment]:
    """What the reader finds when the sentence is the only text of a plan."""
    (document,) = read((HEAD + sentence + "\n").encode()).documents
    return [c for c in document.commitments if c.kind not in ("fact", "rule", "qualitative")]


@pytest.mark.parametrize(
    ("sentence", "promised"), PROMISES + DECISIONS, ids=lambda x: x[:14] if isinstance(x, str) else ""
)
def test_sentence_against_reading_by_hand(sentence: str, promised: list[tuple[object, ...]]) -> None:
    found = [
        (c.kind, c.comparator, c.value, c.unit, c.deadline.isoformat() if c.deadline else None)
        for c in commitments(sentence)
    ]
    assert found == promised


def test_distribution_against_names_by_hand() -> None:
    found = commitments("到2025年，单位产值电耗、单位产值水耗和单位产值气耗分别较2021年下降3%、4.5%和6%左右。")
    assert [(c.subject, c.value, c.baseline, c.comparator, c.qualifier) for c in found] == [
        ("单位产值电耗", 3, 2021, "reduce_by", "approx"),
        ("单位产值水耗", 4.5, 2021, "reduce_by", "approx"),
        ("单位产值气耗", 6, 2021, "reduce_by", "approx"),
    ]


def test_lengths_that_disagree_lower_the_confidence() -> None:
    (sure, *_), (doubtful, *_) = (
        commitments("二氧化硫、氮氧化物排放量分别下降5%、8%。"),
        commitments("二氧化硫氮氧化物、烟尘排放量分别下降5%、8%、9%。"),
    )
    assert doubtful.confidence < sure.confidence


def test_value_before_and_after_against_reading_by_hand() -> None:
    (found,) = commitments("到2025年，再生水利用率由2020年的18%提高到30%。")
    assert (found.subject, found.value, found.baseline, found.baseline_value) == ("再生水利用率", 30, 2020, 18)
    assert (found.comparator, found.deadline_source) == (">=", "explicit")


def test_one_year_for_each_value_against_reading_by_hand() -> None:
    found = commitments("到2024年和2030年，绿电消费占比分别达到20%和35%。")
    assert [(c.value, str(c.deadline)) for c in found] == [(20, "2024-12-31"), (35, "2030-12-31")]


def test_subjects_against_reading_by_hand() -> None:
    found = commitments("新建口袋公园15个、健身步道30公里，推广节水器具8000套，园林废弃物利用率达到70%。")
    assert [c.subject for c in found] == ["口袋公园", "健身步道", "节水器具", "园林废弃物利用率"]


def test_elided_subject_is_taken_from_the_clause_before() -> None:
    first, second = commitments("2024年，充电桩车位占比达到15%，2025年达到20%。")
    assert (first.subject, second.subject) == ("充电桩车位占比", "充电桩车位占比")
    assert second.sources["subject"] == "inherited"


def test_year_of_three_figures_of_speech_against_calendar() -> None:
    dates = {
        "2024年上半年完成验收。": "2024-06-30",
        "2024年三季度前完成验收。": "2024-09-30",
        "2024年2月底前完成验收。": "2024-02-29",
        "2023年起3年内完成验收。": "2025-12-31",
        "到二〇二五年完成验收。": "2025-12-31",
        "“十五五”末完成验收。": "2030-12-31",
        "年底前完成验收。": "2023-12-31",
        "明年上半年完成验收。": "2024-06-30",
    }
    assert {s: str(commitments(s)[0].deadline) for s in dates} == dates


def test_facts_and_rules_are_told_apart_from_promises() -> None:
    (document,) = read(
        (HEAD + "截至2022年底，全市建成充电桩2.6万个。建筑面积3万平方米以上的商场应当安装能耗监测装置。\n").encode()
    ).documents
    assert [(c.kind, c.value, c.unit) for c in document.commitments] == [("fact", 26000, "个"), ("rule", 30000, "m2")]


def whole(text: str) -> list[tuple[str, str, str | None]]:
    """Kind, subject and deadline of everything in a document of its own."""
    (document,) = read(text.encode()).documents
    return [(c.kind, c.subject, c.deadline.isoformat() if c.deadline else None) for c in document.commitments]


def test_a_regulation_lays_down_rules_unless_it_names_a_date() -> None:
    text = "清江市节约用水管理办法\n一、用水单位管网漏损率应当控制在10%以内。\n二、2026年底前，用水单位节水器具普及率达到100%。\n"
    assert whole(text) == [
        ("rule", "用水单位管网漏损率应当", None),
        ("numeric", "用水单位节水器具普及率", "2026-12-31"),
    ]


def test_a_year_s_work_plan_delivers_what_it_says_will_be_finished() -> None:
    text = "清江市水务局2024年工作要点\n一、工程\n建成调度平台，推进管网改造。\n1.完成内涝点整治。由市水务局牵头，会同市城管局落实。\n2.8月底前修订应急预案。\n"
    assert whole(text) == [
        ("milestone", "调度平台", "2024-12-31"),
        ("milestone", "内涝点整治", "2024-12-31"),
        ("milestone", "应急预案", "2024-08-31"),
    ]
    (document,) = read(text.encode()).documents
    assert [c.lead for c in document.commitments] == [(), ("市水务局",), ()]


def test_next_year_in_a_plan_written_the_december_before() -> None:
    text = (
        "2024年清江区重点工作安排\n清江区人民政府\n2023年12月20日\n一、园区\n确保东区明年7月建成、西区明年11月建成。\n"
    )
    assert whole(text) == [("milestone", "东区", "2024-07-31"), ("milestone", "西区", "2024-11-30")]


def test_a_number_broken_down_in_brackets() -> None:
    found = commitments("到2025年，建成充电桩6万个（其中公共桩2万个，自用桩4万个），换电站30座。")
    assert [(c.subject, c.value) for c in found] == [
        ("充电桩", 60000),
        ("公共桩", 20000),
        ("自用桩", 40000),
        ("换电站", 30),
    ]


def test_a_second_figure_takes_over_what_the_first_one_does() -> None:
    found = commitments("地区生产总值增长6%以上，力争7%。")
    assert [(c.comparator, c.value, c.subject) for c in found] == [
        ("increase_by", 6, "地区生产总值"),
        ("increase_by", 7, "地区生产总值"),
    ]
